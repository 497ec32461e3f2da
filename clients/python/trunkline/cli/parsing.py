"""Values on the command line: times, amounts, capabilities, labels, tools. A mistake is a usage error (exit code 2)."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import typer

from trunkline._files import read_file
from trunkline._words import did_you_mean
from trunkline.messages import Tool
from trunkline.money import to_nanodollars
from trunkline.options import LONGEST_TIMEOUT

_UNITS = (("ms", 0.001), ("s", 1.0), ("m", 60.0), ("h", 3600.0), ("d", 86_400.0))


def seconds(text: str | float) -> float:
    """`2`, `2s`, `500ms` or `2m` in seconds.

    Raises:
        typer.BadParameter: it is none of them, not above 0, or longer than any call.
    """
    if isinstance(text, float):
        return text
    number, factor = text, 1.0
    for suffix, worth in _UNITS:
        if text.endswith(suffix):
            number, factor = text.removesuffix(suffix), worth
            break
    try:
        value = float(number) * factor
    except ValueError:
        raise typer.BadParameter(f'"{text}" is not a time; write it like 30, 30s, 500ms or 2m') from None
    if not value > 0:
        raise typer.BadParameter(f'"{text}" is not above 0')
    if value > LONGEST_TIMEOUT:
        raise typer.BadParameter(f'"{text}" is too long; at most {LONGEST_TIMEOUT / 86_400:.0f}d')
    return value


def dollars(text: str) -> str:
    """An amount of dollars, as it was written.

    Raises:
        typer.BadParameter: it is none, or below 0.
    """
    try:
        amount = to_nanodollars(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    if amount < 0:
        raise typer.BadParameter(f'"{text}" is below 0')
    return text


def capabilities(wanted: Sequence[str]) -> dict[str, int | None]:
    """`coding:7` and `vision` as names with their least rating.

    Raises:
        typer.BadParameter: a rating is no whole number.
    """
    found: dict[str, int | None] = {}
    for text in wanted:
        name, colon, rating = text.partition(":")
        try:
            found[name] = int(rating) if colon else None
        except ValueError:
            raise typer.BadParameter(f'"{text}": the rating is a whole number, such as {name}:7') from None
    return found


def labels(pairs: Sequence[str]) -> dict[str, str]:
    """`key=value` pairs.

    Raises:
        typer.BadParameter: one has no `=`.
    """
    found = {}
    for text in pairs:
        key, equals, value = text.partition("=")
        if not (key and equals):
            raise typer.BadParameter(f'"{text}" is not a label; write it like team=search')
        found[key] = value
    return found


def provider_options(pairs: Sequence[str]) -> dict[str, dict[str, Any]]:
    """`backend={"option": value}` pairs; several for one backend are put together.

    Raises:
        typer.BadParameter: one has no `=`, or what follows is no JSON object.
    """
    found: dict[str, dict[str, Any]] = {}
    for text in pairs:
        backend, equals, value = text.partition("=")
        try:
            options = json.loads(value)
        except ValueError:
            options = None
        if not (backend and equals and isinstance(options, dict)):
            raise typer.BadParameter(f"'{text}' is not BACKEND=JSON, such as openai='{{\"service_tier\": \"flex\"}}'")
        found.setdefault(backend, {}).update(options)
    return found


def one_of(*words: str) -> Callable[[str], str]:
    """Takes one of these words.

    Raises:
        typer.BadParameter: when the parser that it makes is given another.
    """

    def parse(text: str) -> str:
        if text not in words:
            raise typer.BadParameter(f'there is no "{text}".{did_you_mean(text, words)} Known: {", ".join(words)}')
        return text

    return parse


def names(text: str) -> tuple[str, ...]:
    """`cost,latency` as names, each once.

    Raises:
        typer.BadParameter: there is none.
    """
    found = tuple(dict.fromkeys(name for part in text.split(",") if (name := part.strip())))
    if not found:
        raise typer.BadParameter("name at least one profile, such as cost,latency,balanced")
    return found


def tool_list(path: Path) -> list[Tool]:
    """Tools out of a JSON file: a list of objects with name, description and parameters.

    Raises:
        typer.BadParameter: the file cannot be read, or holds something else.
    """
    shape = 'a JSON list of objects such as {"name": "...", "description": "...", "parameters": {...}}'
    try:
        entries: Any = json.loads(read_file(path))
        # OpenAI's form has the function one level deeper
        return [Tool(**entry.get("function", entry)) for entry in entries]
    except OSError as error:
        raise typer.BadParameter(f"{path} cannot be read: {error.strerror}") from error
    except (ValueError, TypeError, AttributeError) as error:
        raise typer.BadParameter(f"{path} is not {shape}: {error}") from error
