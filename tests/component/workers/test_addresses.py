"""A worker attaches to every router that a name leads to, and follows the name when that changes."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from random import Random
from typing import Any

import pytest

from provider_workers.backends.openai_wire.adapter import OpenAIWireBackend
from provider_workers.link import client
from provider_workers.link.client import Link
from provider_workers.settings import BackendSettings, WorkerSettings
from provider_workers.simulated import ProviderSpec, SimulatedProviders
from provider_workers.worker import Worker
from service_common.clock import SystemClock
from service_common.vocabulary import Locality
from tests.support.worker_harness import ScriptedRouter

NAME = "routers.example"


class Names:
    """What `routers.example` leads to, in place of a name server."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = addresses

    async def look_up(self, host: str, port: int, **_: Any) -> list[tuple[Any, ...]]:
        """As the event loop's `getaddrinfo`."""
        assert host == NAME
        if not self.addresses:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in self.addresses]


@pytest.fixture
async def names(monkeypatch: pytest.MonkeyPatch) -> Names:
    """The names are looked up here, and often."""
    found = Names()
    monkeypatch.setattr(client, "RESOLVE_INTERVAL", 0.05)
    monkeypatch.setattr(client, "UNRESOLVED_INTERVAL", 0.05)
    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", found.look_up)
    return found


@asynccontextmanager
async def linked(port: int, base_url: str) -> AsyncIterator[Link]:
    """A worker's link to the routers of the name."""
    settings = BackendSettings("openai", "openai_wire", "openai", base_url, models=("gpt-4o-mini",))
    clock = SystemClock()
    backend = OpenAIWireBackend(settings, clock)
    worker = Worker(WorkerSettings(settings, (f"{NAME}:{port}",), "w", 1), backend, Locality.HOST, clock)
    link = Link(worker, "0", Random(1))
    running = asyncio.create_task(link.run())
    try:
        yield link
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await worker.close()


@pytest.fixture
async def routers() -> AsyncIterator[list[ScriptedRouter]]:
    """Two routers at one port of two addresses."""
    async with AsyncExitStack() as stack:
        first = await stack.enter_async_context(ScriptedRouter())
        port = int(first.address.rpartition(":")[2])
        second = await stack.enter_async_context(ScriptedRouter(host="127.0.0.2", port=port))
        yield [first, second]


@pytest.fixture
async def base_url() -> AsyncIterator[str]:
    """A provider."""
    async with SimulatedProviders([ProviderSpec("openai")]) as sim:
        yield sim.base_url("openai")


async def attached_to(link: Link, count: int) -> None:
    """Wait until the worker is attached to so many routers."""
    async with asyncio.timeout(5):
        while link.attached != count:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_every_address_of_a_name_is_attached_to(
    names: Names, routers: list[ScriptedRouter], base_url: str
) -> None:
    """One name with two addresses means two routers, each with a session of its own."""
    names.addresses = ("127.0.0.1", "127.0.0.2")
    async with linked(int(routers[0].address.rpartition(":")[2]), base_url) as link:
        await attached_to(link, 2)
        assert [len(router.workers) for router in routers] == [1, 1]


async def test_a_router_that_is_added_is_found(names: Names, routers: list[ScriptedRouter], base_url: str) -> None:
    """The name is looked up again and again: at first nobody knows it, then it leads to one router, then to two."""
    async with linked(int(routers[0].address.rpartition(":")[2]), base_url) as link:
        await asyncio.sleep(0.2)
        assert link.attached == 0
        names.addresses = ("127.0.0.1",)
        await attached_to(link, 1)
        names.addresses = ("127.0.0.1", "127.0.0.2")
        await attached_to(link, 2)


async def test_a_router_that_is_gone_is_let_go(names: Names, routers: list[ScriptedRouter], base_url: str) -> None:
    """An address that the name lost is kept while its router serves, and not dialled again once it has ended."""
    names.addresses = ("127.0.0.1", "127.0.0.2")
    async with linked(int(routers[0].address.rpartition(":")[2]), base_url) as link:
        await attached_to(link, 2)
        names.addresses = ("127.0.0.2",)
        await asyncio.sleep(0.2)
        assert link.attached == 2
        routers[0].workers[0].hang_up()
        await attached_to(link, 1)
        await asyncio.sleep(0.5)
        assert [len(router.workers) for router in routers] == [1, 1]
        assert link.attached == 1
