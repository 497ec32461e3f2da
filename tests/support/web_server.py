"""Web servers that are no providers."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


@asynccontextmanager
async def answering(answer: bytes) -> AsyncIterator[str]:
    """The `host:port` of a server that answers every request with these bytes and closes."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"


@asynccontextmanager
async def redirecting(status: int) -> AsyncIterator[tuple[str, list[bytes]]]:
    """The `host:port` of a server that sends every request on to another, and the heads that the other was asked with.

    The other answers nothing that a client could use.
    """
    asked: list[bytes] = []

    async def elsewhere(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(elsewhere, "127.0.0.1", 0) as other:
        location = f"http://127.0.0.1:{other.sockets[0].getsockname()[1]}/elsewhere?token=SECRET"
        head = f"HTTP/1.1 {status} Elsewhere\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n"
        async with answering(head.encode()) as where:
            yield where, asked


@asynccontextmanager
async def nothing_but_404() -> AsyncIterator[str]:
    """The base URL of a web server that knows nothing."""
    page = b"HTTP/1.1 404 Not Found\r\nContent-Type: text/html\r\nContent-Length: 9\r\n\r\n<p>no</p>"
    async with answering(page) as where:
        yield f"http://{where}/v1"


class Flood:
    """A server that sends without end. `over` is set once its peer has closed."""

    def __init__(self) -> None:
        self.where = ""
        self.over = asyncio.Event()


@asynccontextmanager
async def flooding(head: bytes, again: bytes) -> AsyncIterator[Flood]:
    """A server that answers each request with `head` and then with `again` for as long as somebody reads."""
    flood = Flood()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(head)
        try:
            while True:
                writer.write(again)
                await writer.drain()
        except ConnectionError:
            flood.over.set()
        finally:
            writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        flood.where = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield flood
