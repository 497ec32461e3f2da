"""Writes one HTTP/1.1 response byte by byte, so that framing and its faults are exactly what is meant."""

import asyncio
import gzip
import socket
import struct
import time
import zlib
from collections.abc import Callable, Iterable
from email.utils import formatdate
from http.client import responses
from typing import Final

from provider_workers.simulated.exchange import Reply
from provider_workers.simulated.faults import Fault

Headers = Iterable[tuple[str, str]]

_HIGH_WATER: Final = 256 * 1024
_DRAIN_POLL: Final = 0.005
_SPLIT_PAUSE: Final = 0.005
_BEFORE_RESET: Final = 0.01
_LINGER_ZERO: Final = struct.pack("ii", 1, 0)
_GZIP_WINDOW: Final = 31
_HEADER_PORTIONS: Final = 20


class ResponseWriter:
    """Writes to a transport. `length` None in `head` means chunked encoding.

    Every write raises ConnectionResetError when the client is gone. `head_only` answers a HEAD request.
    """

    def __init__(
        self,
        transport: asyncio.Transport,
        fault: Fault | None,
        on_first_byte: Callable[[int], None],
        *,
        head_only: bool = False,
    ) -> None:
        self._transport = transport
        self._head_only = head_only
        self._on_first_byte = on_first_byte
        self._kind = fault.kind if fault else ""
        self._seconds = fault.seconds if fault else None
        self._chunked = False
        self._zip = zlib.compressobj(wbits=_GZIP_WINDOW) if self._kind == "gzip" else None
        self.keep_alive = True

    async def reply(self, reply: Reply, headers: Headers) -> None:
        """Send a whole response in one write."""
        body = reply.body
        if self._zip is not None:
            body = gzip.compress(body)
        head = self._head(reply.status, reply.content_type, (*headers, *reply.headers), len(body))
        if self._kind == "slow_headers":
            await self._trickle(head)
            head = b""
        await self._send(head if self._head_only else head + body, reply.status)

    async def head(self, status: int, content_type: str, headers: Headers, length: int | None) -> None:
        """Send the status line and the headers."""
        self._chunked = length is None or self._zip is not None
        head = self._head(status, content_type, headers, None if self._chunked else length)
        if self._kind == "slow_headers":
            await self._trickle(head)
        else:
            await self._send(head, status)

    async def body(self, data: bytes) -> None:
        """Send a part of the body, as a chunk of its own where the body is chunked."""
        if self._zip is not None:
            data = self._zip.compress(data) + self._zip.flush(zlib.Z_SYNC_FLUSH)
        if self._kind == "split_utf8":
            for part in inside_characters(data):
                await self._send(self._framed(part))
                await asyncio.sleep(_SPLIT_PAUSE)
        else:
            await self._send(self._framed(data))

    async def end(self) -> None:
        """End the body properly."""
        if self._zip is not None:
            await self._send(self._framed(self._zip.flush()))
        if self._chunked:
            await self._send(b"0\r\n\r\n")

    def cut(self) -> None:
        """Close the connection after what was written."""
        self.keep_alive = False
        self._transport.close()

    async def cut_in_chunk(self) -> None:
        """Announce a chunk, send a part of it, close."""
        await self._send(b"3e8\r\ndata: {" if self._chunked else b"")
        self.cut()

    async def reset(self) -> None:
        """Close with RST."""
        self.keep_alive = False
        # What was written must be readable before the reset overtakes it.
        await asyncio.sleep(_BEFORE_RESET)
        reset_transport(self._transport)

    def _framed(self, data: bytes) -> bytes:
        return b"%x\r\n%b\r\n" % (len(data), data) if self._chunked else data

    def _head(self, status: int, content_type: str, headers: Headers, length: int | None) -> bytes:
        lines = [
            f"HTTP/1.1 {status} {responses.get(status, 'Overloaded')}",
            f"date: {formatdate(time.time(), usegmt=True)}",
            f"content-type: {content_type}",
            "x-trunkline-simulated: 1",
            "transfer-encoding: chunked" if length is None else f"content-length: {length}",
        ]
        if self._zip is not None:
            lines.append("content-encoding: gzip")
        lines += [f"{name}: {value}" for name, value in headers]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")

    async def _trickle(self, head: bytes) -> None:
        seconds = 1.0 if self._seconds is None else self._seconds
        size = -(-len(head) // _HEADER_PORTIONS)
        for start in range(0, len(head), size):
            await self._send(head[start : start + size], 0)
            await asyncio.sleep(seconds / _HEADER_PORTIONS)

    async def _send(self, data: bytes, status: int | None = None) -> None:
        if self._transport.is_closing():
            raise ConnectionResetError("the client is gone")
        if status is not None:
            self._on_first_byte(status)
        if self._kind == "one_byte_writes":
            for byte in data:
                self._transport.write(bytes((byte,)))
                await asyncio.sleep(0)
        else:
            self._transport.write(data)
        # A transport tells only its protocol when it may be written again, and the protocol is aiohttp's.
        while self._transport.get_write_buffer_size() > _HIGH_WATER:  # noqa: ASYNC110
            await asyncio.sleep(_DRAIN_POLL)


def inside_characters(data: bytes) -> list[bytes]:
    """`data` cut inside every multi-byte UTF-8 character, after its first byte."""
    parts: list[bytes] = []
    start = 0
    for index, byte in enumerate(data):
        if byte >= 0xC0:
            parts.append(data[start : index + 1])
            start = index + 1
    parts.append(data[start:])
    return [part for part in parts if part]


def reset_transport(transport: asyncio.BaseTransport) -> None:
    """Close a connection with RST, at once."""
    raw = transport.get_extra_info("socket")
    if raw is not None:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_ZERO)
    if isinstance(transport, asyncio.Transport):
        transport.abort()
