"""Newline-delimited JSON from bytes in any chunking."""

import json
from typing import Any

import pydantic_core

from provider_workers.backends.lines import LineSplitter


class NdjsonParser:
    """Turns chunks of bytes into JSON objects, one per line; blank lines are skipped."""

    def __init__(self) -> None:
        self._lines = LineSplitter()

    def feed(self, chunk: bytes) -> list[dict[str, Any]]:
        """The objects that `chunk` completes.

        Raises:
            ValueError: a line is not a JSON object, or has no end.
        """
        return [parse_object(line) for line in self._lines.feed(chunk) if line.strip()]

    def end(self) -> list[dict[str, Any]]:
        """The last object, where the body ended without a line end.

        Raises:
            ValueError: the rest is not a JSON object.
        """
        rest = self._lines.rest()
        return [parse_object(rest)] if rest.strip() else []


def parse_object(data: bytes) -> dict[str, Any]:
    """The JSON object that `data` holds.

    Its texts may hold halves of characters: a provider that streams may cut between the two escapes of one.

    Raises:
        ValueError: it is not UTF-8, not JSON, or no object.
    """
    try:
        value = pydantic_core.from_json(data)  # 1.1 us for a chunk of a stream, where json.loads takes 2.7
    except ValueError as error:
        if b"\\u" not in data:
            raise
        value = _with_halves(data, error)
    if not isinstance(value, dict):
        raise ValueError(f"a JSON {type(value).__name__} where an object was expected")
    return value


def _with_halves(data: bytes, refused: ValueError) -> Any:
    """JSON as Python reads it, which takes half of a UTF-16 character where the faster parser refuses the whole."""
    try:
        return json.loads(data.decode())
    except RecursionError:
        raise refused from None
