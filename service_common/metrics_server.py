"""Serves a process's metrics to Prometheus, from its event loop and without holding that up.

Nothing is counted here: collectors read at each request what the process counts anyway.
"""

import asyncio
import errno
import logging
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from http import HTTPStatus
from itertools import islice

from prometheus_client import generate_latest
from prometheus_client.core import Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.registry import Collector

from service_common.metric_families import MetricFamily, Registry

PATH = "/metrics"
SLICE = 100
"""Samples that are written in one go: a sample takes 6 to 8 us, so other work waits less than a millisecond."""

REQUEST_TIMEOUT = 5.0
"""Seconds that a client has to send its request, and again to take the answer."""
LONGEST_HEAD = 16 * 1024
MOST_CLIENTS = 16

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _One(Collector):
    """A single metric, as the library takes them."""

    metric: Metric

    def collect(self) -> Iterable[Metric]:
        """The metric."""
        return (self.metric,)


async def exposition(registry: Registry) -> bytes:
    """All metrics in Prometheus' text format 0.0.4; lets others run after every few samples."""
    pieces: list[bytes] = []
    for family in registry.collect():
        for piece in _pieces(family):
            pieces.append(piece)
            await asyncio.sleep(0)
    return b"".join(pieces)


def _pieces(family: MetricFamily) -> Iterator[bytes]:
    """A family's text, some samples at a time; its two lines of heading come once, and only where there are samples."""
    samples = iter(family.samples)
    first = True
    while some := list(islice(samples, SLICE)):
        part = Metric(family.name, family.text, family.kind)
        part.samples = some
        text = generate_latest(_One(part))
        yield text if first else text.split(b"\n", 2)[2]
        first = False


class MetricsServer:
    """A small HTTP server with one page. It never outlives `close`, and has no thread."""

    def __init__(self, registry: Registry) -> None:
        """Serve what `registry` collects."""
        self._registry = registry
        self._server: asyncio.Server | None = None
        self._clients: set[asyncio.Task[None]] = set()

    async def start(self, address: str) -> str:
        """Listen at `host:port`; the page's address.

        Raises:
            OSError: the address cannot be had.
        """
        host, _, port = address.rpartition(":")
        self._server = await asyncio.start_server(self._accept, host.strip("[]"), int(port), limit=LONGEST_HEAD)
        bound = self._server.sockets[0].getsockname()[1]
        return f"http://{host}:{bound}{PATH}"

    async def close(self) -> None:
        """Stop listening, and cut off who is being answered."""
        if self._server is None:
            return
        self._server.close()
        clients = tuple(self._clients)
        for client in clients:
            client.cancel()
        await asyncio.gather(*clients, return_exceptions=True)
        await self._server.wait_closed()
        self._server = None

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._clients) >= MOST_CLIENTS:
            writer.close()
            return
        client = asyncio.create_task(self._serve(reader, writer))
        self._clients.add(client)
        client.add_done_callback(self._clients.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request; whoever wants more connects again."""
        try:
            async with asyncio.timeout(REQUEST_TIMEOUT):
                head = await reader.readuntil(b"\r\n\r\n")
            writer.write(await self._answer(head.split(b"\r\n", 1)[0]))
            async with asyncio.timeout(REQUEST_TIMEOUT):
                await writer.drain()
                writer.close()
                await writer.wait_closed()
        except (TimeoutError, OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            return  # a client that is slow, rude or gone gets nothing
        finally:
            writer.transport.abort()

    async def _answer(self, request_line: bytes) -> bytes:
        method, _, rest = request_line.partition(b" ")
        path = rest.partition(b" ")[0].partition(b"?")[0].decode("latin-1")
        if method not in (b"GET", b"HEAD"):
            return _response(HTTPStatus.METHOD_NOT_ALLOWED, b"only GET and HEAD are answered\n")
        if path != PATH:
            return _response(HTTPStatus.NOT_FOUND, f"the metrics are at {PATH}\n".encode())
        try:
            body = await exposition(self._registry)
        except Exception:
            _LOG.exception("the metrics could not be collected")
            return _response(HTTPStatus.INTERNAL_SERVER_ERROR, b"the metrics could not be collected; see the log\n")
        response = _response(HTTPStatus.OK, body, CONTENT_TYPE_PLAIN_0_0_4)
        return response if method == b"GET" else response[: -len(body)]


def _response(status: HTTPStatus, body: bytes, content_type: str = "text/plain; charset=utf-8") -> bytes:
    head = (
        f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: {content_type}\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body


@asynccontextmanager
async def metrics_served(registry: Registry, address: str | None, setting: str) -> AsyncIterator[None]:
    """Serve metrics for as long as the context lasts; None: nowhere. An address that is taken stops nothing.

    Args:
        setting: what a person may change, for the warning.
    """
    server = MetricsServer(registry)
    if address is not None:
        try:
            _LOG.info("metrics are at %s", await server.start(address))
        except OSError as error:
            reason = "is taken by another process" if error.errno == errno.EADDRINUSE else f"cannot be had: {error}"
            _LOG.warning("no metrics are served: %s %s. Name another in %s", address, reason, setting)
    try:
        yield
    finally:
        with suppress(OSError):
            await server.close()
