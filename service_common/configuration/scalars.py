"""How durations, sizes, money and words are written in the file, as pydantic types.

Each type reads the file's form into the form used inside and writes it back: `30s` is 30.0 seconds, `64MiB` is bytes,
dollars are integer nano-dollars, and words such as `confidential` are members of their enum.
"""

import re
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BeforeValidator, PlainSerializer, WithJsonSchema

from service_common.configuration.references import is_secret_reference
from service_common.money import NANO_PER_DOLLAR
from service_common.near_names import suggest
from service_common.vocabulary import Complexity, ModelMode, Sensitivity, Task, Word

LONGEST_DAYS = 36_500
"""Of a duration: far below what a clock or a message of the link can hold."""

_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_BYTES = {"B": 1, "KB": 1000, "MB": 1000**2, "GB": 1000**3, "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3}
_DURATION_PART = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)")
_SIZE = re.compile(r"(\d+)\s*([KMG]i?B|B)", re.IGNORECASE)
_ADDRESS = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^:\s\[\]]+):(\d{1,5})")
_MOST_DOLLARS = 1_000_000

WordType = TypeVar("WordType", bound=Word)


def parse_duration(value: object) -> float:
    """Seconds of `30s`, `500ms`, `1m30s`; 0 needs no unit.

    Raises:
        ValueError: no duration, or one of more than 36,500 days.
    """
    text = str(value).strip()
    if text in {"0", "0.0"}:
        return 0.0
    if re.fullmatch(r"\d+(\.\d+)?", text):
        raise ValueError(f'{text} has no unit: write "{text}s" for seconds, or ms, m, h, d')
    parts = _DURATION_PART.findall(text)
    if not parts or _DURATION_PART.sub("", text).strip():
        raise ValueError(f'"{text}" is no duration: write it as 30s, 500ms or 5m')
    seconds = sum(Decimal(number) * Decimal(str(_SECONDS[unit])) for number, unit in parts)
    if seconds > LONGEST_DAYS * Decimal(str(_SECONDS["d"])):
        raise ValueError(f"{_shortened(text)} is too long: write {LONGEST_DAYS}d at most")
    return float(seconds)


def format_duration(seconds: float) -> str:
    """The shortest form that `parse_duration` reads back: `1.5s`, `20ms`, `5m`."""
    exact = Decimal(repr(seconds))
    for unit in ("d", "h", "m"):
        if exact and exact % Decimal(str(_SECONDS[unit])) == 0:
            return f"{_plain(exact / Decimal(str(_SECONDS[unit])))}{unit}"
    return f"{_plain(exact * 1000)}ms" if 0 < exact < 1 else f"{_plain(exact)}s"


def parse_size(value: object) -> int:
    """Bytes of `64MiB`, `500KB`, `1024B`.

    Raises:
        ValueError: no size.
    """
    match = _SIZE.fullmatch(str(value).strip())
    if match is None:
        raise ValueError(f'"{value}" is no size: write it as 64MiB, 500KB or 1024B')
    unit = next(name for name in _BYTES if name.lower() == match[2].lower())
    return int(match[1]) * _BYTES[unit]


def format_size(size: int) -> str:
    """The form with the largest binary unit that divides it."""
    unit = next(name for name in ("GiB", "MiB", "KiB", "B") if size % _BYTES[name] == 0)
    return f"{size // _BYTES[unit]}{unit}"


def parse_dollars(value: object) -> int:
    """Nano-dollars of a decimal number of dollars, exactly.

    A number that YAML read as a float is taken by its shortest decimal form: what was written, up to 15 digits.

    Raises:
        ValueError: no amount, a negative one, or one finer than a nano-dollar.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError("must be an amount in dollars, such as 0.15")
    try:
        nano = Decimal(str(value).strip().removeprefix("$")) * NANO_PER_DOLLAR
    except InvalidOperation:
        raise ValueError(f'"{value}" is no amount in dollars: write it as 0.15') from None
    if not nano.is_finite() or not 0 <= nano <= _MOST_DOLLARS * NANO_PER_DOLLAR:
        raise ValueError(f"{value} is out of range: an amount is 0 to {_MOST_DOLLARS:,} dollars")
    if nano != nano.to_integral_value():
        raise ValueError(f"{value} is finer than a nano-dollar (nine decimal places)")
    return int(nano)


def format_dollars(nano: int) -> float | int:
    """Dollars as a number that `parse_dollars` reads back to the same nano-dollars."""
    return nano // NANO_PER_DOLLAR if nano % NANO_PER_DOLLAR == 0 else float(Decimal(nano) / NANO_PER_DOLLAR)


def parse_address(value: object) -> str:
    """`host:port` with a port of 0 to 65535.

    Raises:
        ValueError: no address.
    """
    match = _ADDRESS.fullmatch(str(value).strip())
    if match is None or int(match[2]) > 65535:
        raise ValueError(f'"{value}" is no address: write host:port, such as 127.0.0.1:50051')
    return str(value).strip()


def _secret(value: str) -> str:
    if not is_secret_reference(value):
        raise ValueError("a secret is never written into the file. Put it into the environment and write ${ITS_NAME}")
    return value


def _word(kind: type[WordType]) -> Callable[[object], WordType]:
    def parse(value: object) -> WordType:
        if isinstance(value, kind):
            return value
        try:
            return kind.parse(str(value))
        except ValueError:
            hint = suggest(str(value), [member.label for member in kind])
            raise ValueError(f'there is no {kind.__name__.lower()} "{value}". {hint}') from None

    return parse


def _label(word: Word) -> str:
    return word.label


def _shortened(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:37]}..."


def _plain(number: Decimal) -> str:
    return f"{number.normalize():f}"


_TEXT = WithJsonSchema({"type": "string"})

Duration = Annotated[float, BeforeValidator(parse_duration), PlainSerializer(format_duration), _TEXT]
"""Seconds; written `30s`."""

Size = Annotated[int, BeforeValidator(parse_size), PlainSerializer(format_size), _TEXT]
"""Bytes; written `64MiB`."""

Dollars = Annotated[
    int, BeforeValidator(parse_dollars), PlainSerializer(format_dollars), WithJsonSchema({"type": "number"})
]
"""Nano-dollars; written in dollars, `0.15`."""

Address = Annotated[str, BeforeValidator(parse_address)]
"""`host:port`."""

SecretReference = Annotated[str, AfterValidator(_secret)]
"""`${NAME}`; a literal is refused."""

SensitivityWord = Annotated[Sensitivity, BeforeValidator(_word(Sensitivity)), PlainSerializer(_label), _TEXT]
ComplexityWord = Annotated[Complexity, BeforeValidator(_word(Complexity)), PlainSerializer(_label), _TEXT]
TaskWord = Annotated[Task, BeforeValidator(_word(Task)), PlainSerializer(_label), _TEXT]
ModeWord = Annotated[ModelMode, BeforeValidator(_word(ModelMode)), PlainSerializer(_label), _TEXT]

JsonObject = Mapping[str, Any]
"""Settings whose meaning belongs to a provider or a plugin."""
