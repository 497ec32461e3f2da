"""The page that Prometheus reads: what it answers, to whom it does not, and that nothing of it is left behind."""

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import closing

import pytest

from service_common import metrics_server
from service_common.metric_families import MetricFamily, Registry, gauge
from service_common.metrics_server import MOST_CLIENTS, MetricsServer, metrics_served
from tests.support.metrics import parsed

ODD = 'a "quoted" \\ name\nof two lines'


class Depth:
    """One gauge with an odd label; `broken`: it cannot be read."""

    broken = False

    def collect(self) -> Iterator[MetricFamily]:
        """See `Collector.collect`."""
        if self.broken:
            raise RuntimeError("out of order")
        yield gauge("depth", "How deep", ("place",), [((ODD,), 3)])


@pytest.fixture
def registry() -> Registry:
    """One gauge with an odd label."""
    registry = Registry()
    registry.register(Depth())
    return registry


@pytest.fixture
async def port(registry: Registry) -> AsyncIterator[int]:
    """Where a server listens."""
    server = MetricsServer(registry)
    page = await server.start("127.0.0.1:0")
    assert page.endswith("/metrics")
    yield int(page.removesuffix("/metrics").rpartition(":")[2])
    await server.close()


async def asked(port: int, request: bytes) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of the answer to a request."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        async with asyncio.timeout(10):
            writer.write(request)
            answer = await reader.read()
    finally:
        writer.close()
    head, _, body = answer.partition(b"\r\n\r\n")
    status, *lines = head.decode().split("\r\n")
    return int(status.split()[1]), dict(line.lower().split(": ", 1) for line in lines), body


async def test_the_page(port: int) -> None:
    """Prometheus' text format, with its length and its type; a query is ignored."""
    status, headers, body = await asked(port, b"GET /metrics?x=1 HTTP/1.1\r\nHost: here\r\n\r\n")
    assert status == 200
    assert headers["content-type"].startswith("text/plain; version=0.0.4")
    assert int(headers["content-length"]) == len(body)
    assert parsed(body.decode()).value("depth", place=ODD) == 3


@pytest.mark.parametrize(
    ("request_line", "status"),
    [(b"HEAD /metrics", 200), (b"GET /", 404), (b"GET /metrics/x", 404), (b"POST /metrics", 405), (b"\xff", 405)],
)
async def test_other_requests(port: int, request_line: bytes, status: int) -> None:
    """Nothing but the page is there; a HEAD has no body."""
    found, _, body = await asked(port, request_line + b" HTTP/1.1\r\n\r\n")
    assert found == status
    assert bool(body) == (not request_line.startswith(b"HEAD"))


async def test_a_head_without_end(port: int) -> None:
    """It is cut off, and others are answered."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    with closing(writer):
        writer.write(b"GET /metrics HTTP/1.1\r\n" + b"X: y\r\n" * 10_000)
        async with asyncio.timeout(10):
            assert await reader.read() == b""
    assert (await asked(port, b"GET /metrics HTTP/1.1\r\n\r\n"))[0] == 200


async def test_clients_that_say_nothing(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """As many as may are borne and more are turned away; they lose their places when their time is over."""
    monkeypatch.setattr(metrics_server, "REQUEST_TIMEOUT", 0.3)
    silent = [await asyncio.open_connection("127.0.0.1", port) for _ in range(MOST_CLIENTS + 3)]
    async with asyncio.timeout(10):
        assert await asyncio.gather(*(reader.read() for reader, _ in silent)) == [b""] * len(silent)
        for _, writer in silent:
            writer.close()
    assert (await asked(port, b"GET /metrics HTTP/1.1\r\n\r\n"))[0] == 200


async def test_nothing_is_left_behind(registry: Registry) -> None:
    """Closed in the middle of a client's request: no task, and the port is free again."""
    server = MetricsServer(registry)
    page = await server.start("127.0.0.1:0")
    port = int(page.removesuffix("/metrics").rpartition(":")[2])
    tasks = asyncio.all_tasks()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    with closing(writer):
        await asyncio.sleep(0.05)
        await server.close()
        assert await reader.read() == b""
    assert asyncio.all_tasks() <= tasks
    with closing(socket.create_server(("127.0.0.1", port))):
        pass
    await server.close()  # without effect the second time


@pytest.mark.parametrize("host", ["127.0.0.1", "no-such-host.invalid"])
async def test_an_address_that_cannot_be_had(registry: Registry, caplog: pytest.LogCaptureFixture, host: str) -> None:
    """One warning says which, and what to change; everything else goes on."""
    with closing(socket.create_server(("127.0.0.1", 0))) as taken, caplog.at_level(logging.WARNING):
        address = f"{host}:{taken.getsockname()[1]}"
        async with metrics_served(registry, address, "metrics.listen"):
            pass
    [line] = [record.getMessage() for record in caplog.records]
    assert address in line
    assert "metrics.listen" in line


async def test_a_collector_that_fails(registry: Registry, port: int, caplog: pytest.LogCaptureFixture) -> None:
    """The page says so, and so does the log, rather than to show half of what there is."""

    depth = Depth()
    depth.broken = True
    registry.register(depth)
    assert (await asked(port, b"GET /metrics HTTP/1.1\r\n\r\n"))[0] == 500
    assert "out of order" in caplog.text
