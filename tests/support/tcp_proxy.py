"""A network between two processes that can be slow, or be cut: bytes stop, and nobody is told."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

CHUNK = 65_536


class CuttableProxy:
    """Forwards TCP connections to one address. While it is cut, connections stay open and nothing passes.

    What was sent meanwhile passes once it is restored, as TCP sends again what a network lost.
    """

    def __init__(self, host: str, port: int, delay: float = 0.0) -> None:
        """Forward to `host`:`port`; every byte takes `delay` seconds, either way."""
        self._host = host
        self._port = port
        self._delay = delay
        self._open = asyncio.Event()
        self._open.set()
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()
        self.port = 0

    @property
    def address(self) -> str:
        """Where it listens: `host:port`."""
        return f"127.0.0.1:{self.port}"

    def cut(self) -> None:
        """From now on nothing passes."""
        self._open.clear()

    def restore(self) -> None:
        """Everything passes again."""
        self._open.set()

    async def start(self) -> None:
        """Listen on a free port."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Close everything."""
        if self._server is not None:
            self._server.close()
        for connection in tuple(self._connections):
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            await self._forward(reader, writer)
        except (OSError, asyncio.CancelledError):
            return  # one side is gone, or the test is over; the task is nobody else's
        finally:
            self._connections.discard(task)
            writer.close()

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._open.wait()
        far_reader, far_writer = await asyncio.open_connection(self._host, self._port)
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(self._pump(reader, far_writer))
                both.create_task(self._pump(far_reader, writer))
        finally:
            far_writer.close()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(CHUNK):
                await asyncio.sleep(self._delay)
                await self._open.wait()
                writer.write(data)
                await writer.drain()
        await self._open.wait()
        with suppress(OSError):
            writer.write_eof()


@asynccontextmanager
async def cuttable(host: str, port: int, delay: float = 0.0) -> AsyncIterator[CuttableProxy]:
    """A proxy in front of `host`:`port`; see `CuttableProxy`."""
    proxy = CuttableProxy(host, port, delay)
    await proxy.start()
    try:
        yield proxy
    finally:
        await proxy.stop()
