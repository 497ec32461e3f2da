"""The faults that a simulated provider can be told to have. Pure: values and their validation, no I/O.

The names are public: the command line, the control port and the tests use them, and docs/simulation.md lists them.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any, Final

from provider_workers.simulated.exchange import CHAT, EMBED, METADATA
from service_common.near_names import suggest


class Stage(StrEnum):
    """Where in an exchange a fault acts."""

    REFUSE = "refuse"
    CONNECTION = "connection"
    STREAM = "stream"
    CONTENT = "content"
    TRANSPORT = "transport"


STATUS_FAULTS: Final = ("400", "401", "402", "403", "404", "429", "500", "502", "503", "504", "529")

FAULTS: Final[Mapping[str, tuple[Stage, str]]] = {
    **{code: (Stage.REFUSE, f"HTTP {code} with the provider's own error body") for code in STATUS_FAULTS},
    "context_exceeded": (Stage.REFUSE, "the prompt is too long; with above_tokens only for longer prompts"),
    "content_filter": (Stage.REFUSE, "the provider refuses the prompt"),
    "unsupported_parameter": (Stage.REFUSE, "a parameter is not supported; with parameter only if it was sent"),
    "prefill_refused": (Stage.REFUSE, "a request that ends in an assistant message is refused"),
    "quota_exhausted": (Stage.REFUSE, "the account is empty"),
    "refuse_connection": (Stage.CONNECTION, "the port is closed, for seconds or until the behaviour changes"),
    "reset": (Stage.STREAM, "RST before the headers, or after after_tokens tokens"),
    "silent_before_headers": (Stage.CONNECTION, "reads the request and sends nothing, for seconds or for ever"),
    "silent_before_first_token": (Stage.STREAM, "sends the headers, then nothing, for seconds or for ever"),
    "stall": (Stage.STREAM, "stops after after_tokens tokens, for seconds or for ever"),
    "cut": (Stage.STREAM, "closes the connection after after_tokens tokens"),
    "cut_chunked": (Stage.STREAM, "closes the connection in the middle of an HTTP chunk"),
    "content_filter_mid_stream": (Stage.STREAM, "ends after after_tokens tokens with the filter's finish reason"),
    "no_finish_reason": (Stage.STREAM, "the body ends properly, without a finish reason"),
    "no_done": (Stage.STREAM, "a finish reason but no end marker; with keep_open the body stays open"),
    "malformed_chunk": (Stage.STREAM, "one event after after_tokens tokens is broken JSON"),
    "error_in_stream": (Stage.STREAM, "status 200, then an error event after after_tokens tokens"),
    "duplicate_finish": (Stage.STREAM, "the finishing event is sent twice"),
    "other_shape": (Stage.CONTENT, "valid JSON of a wrong shape"),
    "html_200": (Stage.CONTENT, "status 200 with an HTML page"),
    "empty_body": (Stage.CONTENT, "status 200 with no body"),
    "empty_choices": (Stage.CONTENT, "an answer without any choice"),
    "no_usage": (Stage.CONTENT, "an answer without token counts"),
    "wrong_wire": (Stage.CONTENT, "the answer of another provider's wire (wire=NAME)"),
    "split_utf8": (Stage.TRANSPORT, "chunks end inside multi-byte characters"),
    "gzip": (Stage.TRANSPORT, "the body is gzip-compressed, asked for or not"),
    "one_byte_writes": (Stage.TRANSPORT, "every byte is sent alone"),
    "giant_line": (Stage.TRANSPORT, "one event has a line of size bytes"),
    "slow_headers": (Stage.TRANSPORT, "the headers trickle over seconds"),
}

INFERENCE: Final = "inference"
ANY: Final = "any"
OPERATIONS: Final = (INFERENCE, CHAT, EMBED, METADATA, ANY)
WIRE_NAMES: Final = ("openai", "ollama", "anthropic", "gemini")
RETRY_AFTER_FORMATS: Final = ("seconds", "date")

DEFAULT_AFTER_TOKENS: Final = 3
DEFAULT_GIANT_LINE: Final = 1_048_576


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault and its parameters.

    `probability` is drawn per request; `times` is how often it strikes before the provider is healthy again (None:
    always); `operation` and `model` narrow it. `seconds` None means for ever (for `slow_headers`: one second).

    Raises:
        ValueError: an unknown name or a parameter out of range.
    """

    kind: str
    probability: float = 1.0
    times: int | None = None
    operation: str = INFERENCE
    model: str | None = None
    retry_after: float | None = None
    retry_after_format: str = "seconds"
    rate_limit_headers: bool = True
    after_tokens: int | None = None
    seconds: float | None = None
    keep_open: bool = False
    above_tokens: int | None = None
    parameter: str | None = None
    size: int = DEFAULT_GIANT_LINE
    wire: str | None = None
    message: str | None = None

    def __post_init__(self) -> None:
        one_of("fault", self.kind, FAULTS)
        one_of("operation", self.operation, OPERATIONS)
        one_of("retry_after_format", self.retry_after_format, RETRY_AFTER_FORMATS)
        if self.wire is not None:
            one_of("wire", self.wire, WIRE_NAMES)
        if not 0.0 <= self.probability <= 1.0:
            raise ValueError(f"probability is {self.probability}: it must be from 0 to 1")
        for name in ("times", "after_tokens", "seconds", "above_tokens", "retry_after", "size"):
            value = getattr(self, name)
            if value is not None and value < 0:
                raise ValueError(f"{name} is {value}: it must not be negative")

    @property
    def stage(self) -> Stage:
        """Where in the exchange this fault acts."""
        return FAULTS[self.kind][0]

    @property
    def tokens_before(self) -> int:
        """How many tokens pass before a fault of the stream strikes."""
        return DEFAULT_AFTER_TOKENS if self.after_tokens is None else self.after_tokens

    def concerns(self, operation: str, model: str) -> bool:
        """Whether this fault is meant for such a request."""
        if self.model is not None and self.model != model:
            return False
        return self.operation in (ANY, operation) or (self.operation == INFERENCE and operation in (CHAT, EMBED))


FAULT_FIELDS: Final = tuple("fault" if field.name == "kind" else field.name for field in fields(Fault))


def one_of(what: str, value: str, known: Iterable[str]) -> None:
    """Raise ValueError with the nearest known name unless `value` is known."""
    names = list(known)
    if value in names:
        return
    raise ValueError(f'no {what} named "{value}". {suggest(str(value), names)}')


def check_type(name: str, value: object, annotation: str) -> None:
    """Raise ValueError unless a JSON value fits a field's annotation (`int | None`, `float`, `str`, `bool`)."""
    kinds: dict[str, tuple[type, ...]] = {"float": (int, float), "int": (int,), "str": (str,), "bool": (bool,)}
    wanted = [part.strip() for part in annotation.split("|")]
    if value is None and "None" in wanted:
        return
    allowed = kinds.get(wanted[0], (object,))
    if not isinstance(value, allowed) or (isinstance(value, bool) and wanted[0] != "bool"):
        raise ValueError(f"{name} is {value!r}: it must be of type {annotation}")


def annotations_of(cls: type) -> dict[str, str]:
    """The fields of a dataclass with their annotations as text."""
    return {f.name: f.type.__name__ if isinstance(f.type, type) else str(f.type) for f in fields(cls)}


_ANNOTATIONS: Final = annotations_of(Fault)


def fault_from_json(data: object) -> Fault:
    """A fault from its JSON: a name, or an object with `fault` and parameters.

    Raises:
        ValueError: not such a value; the text says which field and what is known.
    """
    if isinstance(data, str):
        return Fault(data)
    if not isinstance(data, Mapping):
        raise ValueError(f'a fault is a name or an object with the key "fault", not {data!r}')
    if not isinstance(data.get("fault"), str):
        raise ValueError('a fault needs the key "fault" with its name')
    for name, value in data.items():
        one_of("parameter of a fault", name, FAULT_FIELDS)
        check_type(name, value, "str" if name == "fault" else _ANNOTATIONS[name])
    arguments: dict[str, Any] = {name: value for name, value in data.items() if name != "fault"}
    return Fault(data["fault"], **arguments)
