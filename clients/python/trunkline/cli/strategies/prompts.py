"""The prompts of a comparison: JSON lines, or plain lines."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from trunkline._files import read_text
from trunkline._words import did_you_mean
from trunkline.options import CompletionOptions

# the command decides these for every prompt alike
_DECIDED = ("profile", "timeout", "idempotency_key", "traceparent")
_KNOWN = tuple(sorted(CompletionOptions.__annotations__.keys() - set(_DECIDED)))


class PromptsError(Exception):
    """The file cannot be used; the message says where and why."""


@dataclass(frozen=True, slots=True)
class BenchPrompt:
    """A prompt, and the options of the call that it comes with.

    Attributes:
        place: its file and line, for mistakes that only the router finds.
    """

    text: str
    options: CompletionOptions = field(default_factory=CompletionOptions)
    place: str = field(default="", compare=False)


def read_prompts(path: Path) -> tuple[BenchPrompt, ...]:
    """The prompts of a file; empty lines do not count.

    A file whose first line begins with `{` holds JSON objects, one a line: `prompt` is the text, `options` (where there
    are any) are those of the client, such as `{"task": "translation", "max_cost": 0.01}`; other fields are ignored.

    Raises:
        PromptsError: the file cannot be read, a line is wrong, or there is no prompt.
    """
    try:
        text = read_text(path)
    except OSError as error:
        raise PromptsError(f"{path} cannot be read: {error.strerror}") from error
    # not splitlines: it also splits at the separators that JSON allows inside a string
    lines = [(number, line.strip()) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
    if not lines:
        raise PromptsError(f'{path} holds no prompt: one a line, plain or as {{"prompt": ...}}')
    if _is_array(text):
        raise PromptsError(f'{path} holds one JSON array: write its entries one a line, each as {{"prompt": "..."}}')
    if not lines[0][1].startswith("{"):
        return tuple(BenchPrompt(line, place=f"{path}:{number}") for number, line in lines)
    return tuple(_parsed(line, f"{path}:{number}") for number, line in lines)


def _is_array(text: str) -> bool:
    """Whether a whole file is one JSON array; a plain prompt may begin with a bracket, too."""
    if not text.lstrip().startswith("["):
        return False
    try:
        return isinstance(json.loads(text), list)
    except (ValueError, RecursionError):
        return False


def _parsed(line: str, place: str) -> BenchPrompt:
    """The prompt of one JSON line; `place` is for the mistakes."""
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError) as error:
        at = f"from column {error.colno} on" if isinstance(error, json.JSONDecodeError) else str(error)
        advice = 'where the first line begins with { each one is an object such as {"prompt": "..."}'
        raise PromptsError(f"{place}: not JSON, {at}; {advice}") from error
    text = entry.get("prompt") if isinstance(entry, dict) else None
    if not isinstance(text, str) or not text.strip():
        raise PromptsError(f'{place}: not an object with a text "prompt"')
    options = entry.get("options") or {}
    if not isinstance(options, dict):
        raise PromptsError(f'{place}: "options" is not an object')
    return BenchPrompt(text, _options(options, place), place)


def _options(given: Mapping[str, Any], place: str) -> CompletionOptions:
    """The options, which the router judges; here only their names."""
    for name in given:
        if name in _DECIDED:
            raise PromptsError(f"{place}: options.{name} cannot be set here: every profile is asked the same way")
        if name not in _KNOWN:
            raise PromptsError(f"{place}: options.{name}: no option of that name.{did_you_mean(name, _KNOWN)}")
    return cast(CompletionOptions, dict(given))
