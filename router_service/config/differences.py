"""What changed between two configurations, for a person."""

from collections.abc import Iterator, Mapping
from typing import Any

from service_common.configuration import Configuration

_AT_START_ONLY = frozenset({"router", "tracing", "metrics", "shared", "idempotency"})
"""Sections that a process reads when it starts."""


def describe_changes(old: Configuration, new: Configuration) -> tuple[str, ...]:
    """One line for each setting that was added, removed or changed; empty where nothing was."""
    return tuple(_changes("", old.content(), new.content()))


def _changes(path: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    for key in [*old, *(key for key in new if key not in old)]:
        inner = f"{path}.{key}" if path else key
        before, after = old.get(key), new.get(key)
        if before == after:
            continue
        if isinstance(before, dict) and isinstance(after, dict):
            yield from _changes(inner, before, after)
        elif key not in new:
            yield f"removed {inner}{_note(inner)}"
        elif key not in old:
            yield f"added {inner}{_note(inner)}"
        else:
            yield f"{inner}: {_short(before)} -> {_short(after)}{_note(inner)}"


def _note(path: str) -> str:
    return " (takes effect at the next start)" if path.partition(".")[0] in _AT_START_ONLY else ""


def _short(value: Any) -> str:
    text = ", ".join(str(item) for item in value) if isinstance(value, list) else str(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
