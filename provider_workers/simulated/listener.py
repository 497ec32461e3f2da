"""A port that can be closed and opened again while nobody else can take it."""

import asyncio
import contextlib
import socket

from aiohttp import web

from provider_workers.simulated.writer import reset_transport

_BACKLOG = 1024


class Listener:
    """A listening TCP port. While it is closed, connections are refused and the port stays reserved."""

    def __init__(self, host: str, port: int) -> None:
        self._host = host
        self._socket = bound_socket(host, port)
        self.port: int = self._socket.getsockname()[1]
        self._server: web.Server | None = None
        self._listening: asyncio.Server | None = None
        self._starting: asyncio.Task[None] | None = None
        self._reopening: asyncio.TimerHandle | None = None

    @property
    def is_open(self) -> bool:
        """Whether connections are accepted."""
        return self._listening is not None or self._starting is not None

    async def start(self, server: web.Server) -> None:
        """Listen, and serve connections with `server`."""
        self._server = server
        self._socket.listen(_BACKLOG)
        await self._serve()

    def close_port(self, seconds: float | None) -> None:
        """Refuse connections and reset those that exist, for `seconds` or until `open_port`."""
        self._cancel_timer()
        if self.is_open:
            self._stop_serving()
            self._socket = bound_socket(self._host, self.port)
        if self._server is not None:
            for connection in self._server.connections:
                if connection.transport is not None:
                    reset_transport(connection.transport)
        if seconds is not None:
            self._reopening = asyncio.get_running_loop().call_later(seconds, self.open_port)

    def open_port(self) -> None:
        """Accept connections again. They wait in the backlog until the loop serves them."""
        self._cancel_timer()
        if self.is_open:
            return
        self._socket.listen(_BACKLOG)
        self._starting = asyncio.get_running_loop().create_task(self._serve())

    async def stop(self) -> None:
        """Close the port for good, and every connection."""
        self._cancel_timer()
        starting = self._starting
        if starting is not None:
            starting.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await starting
        self._stop_serving()
        self._socket.close()
        if self._server is not None:
            await self._server.shutdown(timeout=0.1)

    async def _serve(self) -> None:
        assert self._server is not None
        loop = asyncio.get_running_loop()
        self._listening = await loop.create_server(self._server, sock=self._socket, backlog=_BACKLOG)
        self._starting = None

    def _stop_serving(self) -> None:
        if self._starting is not None:
            self._starting.cancel()
            self._starting = None
            self._socket.close()
        if self._listening is not None:
            self._listening.close()
            self._listening = None

    def _cancel_timer(self) -> None:
        if self._reopening is not None:
            self._reopening.cancel()
            self._reopening = None


def bound_socket(host: str, port: int) -> socket.socket:
    """A bound socket that does not listen yet. Raises OSError where the port is in use."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        # Lets the port be taken over from connections in TIME_WAIT, never from another listener.
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.setblocking(False)
        bound.bind((host, port))
    except OSError as error:
        bound.close()
        raise OSError(error.errno, f"cannot listen on {host}:{port}: {error.strerror}") from error
    return bound
