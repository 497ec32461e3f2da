"""Request bodies as JSON. Large files in them are encoded while they are sent, so that no other attempt waits for one.

Encoding a picture of 32 MiB in one go takes 0.4 s (base64 and JSON hold the interpreter's lock, so a thread does not
help), in which the worker's other answers and its heartbeats would stand still.
"""

import asyncio
import base64
import json
import secrets
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

LARGE_FILE = 256 * 1024
"""Bytes from which a file is encoded while it is sent."""

PIECE = 3 * 64 * 1024
"""Bytes that are encoded at once; a multiple of 3, so that the pieces' base64 can be joined."""


@dataclass(frozen=True, slots=True)
class LargeFile:
    """Bytes that stand in a body as base64 text after `prefix`."""

    data: bytes
    prefix: str

    def __str__(self) -> str:
        """The whole text at once."""
        return self.prefix + base64.b64encode(self.data).decode("ascii")

    @property
    def size(self) -> int:
        """Bytes of the text."""
        return len(self.prefix.encode()) + (len(self.data) + 2) // 3 * 4


def base64_text(data: bytes, prefix: str = "") -> str | LargeFile:
    """`data` as base64 text after `prefix`; as a `LargeFile` where it is large."""
    file = LargeFile(data, prefix)
    return str(file) if len(data) < LARGE_FILE else file


def with_texts(value: Any) -> Any:
    """A body with the texts of its large files in their place, for who cannot send them in pieces."""
    if isinstance(value, LargeFile):
        return str(value)
    if isinstance(value, dict):
        return {name: with_texts(inner) for name, inner in value.items()}
    return [with_texts(inner) for inner in value] if isinstance(value, list) else value


class JsonBody:
    """A body as JSON, of which the size is known and the bytes come in pieces."""

    def __init__(self, body: Mapping[str, Any]) -> None:
        """Encode everything but the large files."""
        self._files: list[LargeFile] = []
        self._mark = ""
        text = json.dumps(body, ensure_ascii=False, separators=(",", ":"), default=self._stand_in)
        self._texts = [part.encode() for part in text.split(self._mark)] if self._files else [text.encode()]
        self.size = sum(map(len, self._texts)) + sum(file.size for file in self._files)

    @property
    def payload(self) -> bytes | AsyncIterator[bytes]:
        """What to hand to the HTTP client: a small body whole, which it sends in one packet with the headers."""
        return self._texts[0] if not self._files and self.size <= PIECE else self.pieces()

    async def pieces(self) -> AsyncIterator[bytes]:
        """The body's bytes; others have their turn between two pieces."""
        for position, text in enumerate(self._texts):
            for start in range(0, len(text), PIECE):
                yield text[start : start + PIECE]
                await asyncio.sleep(0)
            if position < len(self._files):
                file = self._files[position]
                yield file.prefix.encode()
                for start in range(0, len(file.data), PIECE):
                    yield base64.b64encode(file.data[start : start + PIECE])
                    await asyncio.sleep(0)

    def _stand_in(self, value: object) -> str:
        """What stands in the JSON text for a large file: a mark that no request can hold by chance."""
        if not isinstance(value, LargeFile):
            raise TypeError(f"{type(value).__name__} does not belong into a request")
        self._mark = self._mark or secrets.token_hex(16)
        self._files.append(value)
        return self._mark
