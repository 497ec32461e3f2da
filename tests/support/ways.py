"""What lies between a worker and its provider: a forward proxy, and TLS under an authority of one's own."""

import asyncio
import shutil
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest

Address = tuple[str, int]
_Reader = asyncio.StreamReader
_Writer = asyncio.StreamWriter


@dataclass
class Proxy:
    """A running forward proxy: whatever is asked for lies at `destination`.

    Attributes:
        asked: the hosts that were asked for.
        credentials: the headers `Proxy-Authorization` that came.
    """

    url: str
    asked: list[str] = field(default_factory=list)
    credentials: list[str] = field(default_factory=list)


@asynccontextmanager
async def forward_proxy(destination: Address) -> AsyncIterator[Proxy]:
    """A proxy for plain requests and for tunnels (CONNECT), one request per connection."""
    proxy = Proxy("")

    async def serve(reader: _Reader, writer: _Writer) -> None:
        method, target, version = (await reader.readline()).decode().split(" ")
        head = await reader.readuntil(b"\r\n\r\n")
        named = (line.partition(": ") for line in head.decode().splitlines())
        proxy.credentials += [value for name, _, value in named if name.lower() == "proxy-authorization"]
        if method == "CONNECT":
            proxy.asked.append(target)
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            await _joined(reader, writer, destination, b"")
            return
        asked = urlsplit(target)
        proxy.asked.append(asked.netloc)
        first = f"{method} {asked.path}?{asked.query} {version}"
        await _joined(reader, writer, destination, first.encode() + head)

    async with _server(serve) as (host, port):
        proxy.url = f"http://{host}:{port}"
        yield proxy


@asynccontextmanager
async def behind_tls(destination: Address, certificate: Path, key: Path) -> AsyncIterator[Address]:
    """An address where `destination` is reached by TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)

    async def serve(reader: _Reader, writer: _Writer) -> None:
        await _joined(reader, writer, destination, b"")

    async with _server(serve, context) as address:
        yield address


async def certificate_for(name: str, folder: Path) -> tuple[Path, Path]:
    """A certificate that is its own authority, and its key."""
    if shutil.which("openssl") is None:
        pytest.skip("no certificates: apt-get install openssl")
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    process = await asyncio.create_subprocess_exec(
        *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=test"),
        *("-addext", f"subjectAltName=DNS:{name}", "-keyout", str(key), "-out", str(certificate)),
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert await process.wait() == 0
    return certificate, key


@asynccontextmanager
async def _server(
    serve: Callable[[_Reader, _Writer], Awaitable[None]], context: ssl.SSLContext | None = None
) -> AsyncIterator[Address]:
    running: set[asyncio.Task[None]] = set()

    async def handle(reader: _Reader, writer: _Writer) -> None:
        task = asyncio.current_task()
        assert task is not None
        running.add(task)
        try:
            await serve(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client left
        finally:
            writer.close()
            running.discard(task)

    server = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[:2]
    finally:
        server.close()
        for task in running:
            task.cancel()


async def _joined(reader: _Reader, writer: _Writer, destination: Address, first: bytes) -> None:
    """Carry bytes both ways, `first` before all others, until either side ends."""
    far_reader, far_writer = await asyncio.open_connection(*destination)
    far_writer.write(first)
    ways = [asyncio.create_task(_carry(reader, far_writer)), asyncio.create_task(_carry(far_reader, writer))]
    try:
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for way in ways:
            way.cancel()
        far_writer.close()


async def _carry(reader: _Reader, writer: _Writer) -> None:
    while data := await reader.read(65_536):
        writer.write(data)
        await writer.drain()
