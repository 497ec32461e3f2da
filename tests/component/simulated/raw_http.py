"""A client that keeps every byte: what a server really sent, chunk by chunk, and how the connection ended."""

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit


@dataclass(slots=True)
class RawResponse:
    """Status, headers (lower case), body as it was framed, and how it ended: `whole`, `eof`, `reset` or `open`."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    chunks: list[bytes] = field(default_factory=list)
    ending: str = "open"
    reads: int = 0

    @property
    def body(self) -> bytes:
        """The body, its chunks joined."""
        return b"".join(self.chunks)

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    def sse(self) -> list[str]:
        """The data of each server-sent event."""
        lines = self.body.decode().replace("\r\n", "\n").split("\n")
        return [line.removeprefix("data: ") for line in lines if line.startswith("data: ")]

    def ndjson(self) -> list[Any]:
        """Each line's JSON."""
        return [json.loads(line) for line in self.body.decode().splitlines()]


async def post(url: str, body: Any, *, headers: dict[str, str] | None = None, wait: float = 5.0) -> RawResponse:
    """POST `body` as JSON; what had come after `wait` seconds where the response did not end before."""
    return await send("POST", url, json.dumps(body).encode(), headers=headers, wait=wait)


async def send(
    method: str, url: str, data: bytes = b"", *, headers: dict[str, str] | None = None, wait: float = 5.0
) -> RawResponse:
    """Send one request on a connection of its own and read its response."""
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    target = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
    lines = [f"{method} {target} HTTP/1.1", f"host: {parts.netloc}", f"content-length: {len(data)}"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    response = RawResponse()
    try:
        writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + data)
        async with asyncio.timeout(wait):
            await _read(reader, response, has_body=method != "HEAD")
    except TimeoutError:
        response.ending = "open"
    except ConnectionResetError:
        response.ending = "reset"
    finally:
        writer.transport.abort()
        await asyncio.sleep(0)
    return response


async def _read(reader: asyncio.StreamReader, response: RawResponse, *, has_body: bool) -> None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        response.ending = "eof"
        return
    status_line, *lines = head.decode("latin-1").split("\r\n")
    response.status = int(status_line.split(" ")[1])
    response.headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines if line)}
    if not has_body:
        response.ending = "whole"
    elif response.headers.get("transfer-encoding") == "chunked":
        response.ending = await _read_chunks(reader, response)
    else:
        response.ending = await _read_plain(reader, response, int(response.headers["content-length"]))


async def _read_chunks(reader: asyncio.StreamReader, response: RawResponse) -> str:
    while True:
        size_line = await reader.readline()
        if not size_line:
            return "eof"
        size = int(size_line, 16)
        try:
            data = await reader.readexactly(size + 2)
        except asyncio.IncompleteReadError as error:
            response.chunks.append(error.partial)
            return "eof"
        if size == 0:
            return "whole"
        response.chunks.append(data[:-2])


async def _read_plain(reader: asyncio.StreamReader, response: RawResponse, length: int) -> str:
    missing = length
    while missing:
        data = await reader.read(missing)
        if not data:
            return "eof"
        response.reads += 1
        response.chunks.append(data)
        missing -= len(data)
    return "whole"
