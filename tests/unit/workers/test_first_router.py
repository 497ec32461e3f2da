"""A worker's first try waits for a router that is on its way up."""

import asyncio

from provider_workers.first_router import a_router_listens
from tests.support.components import free_ports


async def accept(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Let go of whoever connects."""
    writer.close()


async def test_it_waits_until_one_of_the_routers_listens() -> None:
    """As when both are started together; the router that never comes up holds nobody up."""
    absent, late = free_ports(2)
    waiting = asyncio.create_task(a_router_listens([f"127.0.0.1:{absent}", f"127.0.0.1:{late}"], patience=30))
    await asyncio.sleep(0.1)
    assert not waiting.done()
    async with await asyncio.start_server(accept, "127.0.0.1", late), asyncio.timeout(20):
        await waiting


async def test_its_patience_ends() -> None:
    """Then the link tries, and says what is wrong; a name that nobody knows is no different."""
    [absent] = free_ports(1)
    addresses = [f"127.0.0.1:{absent}", "nowhere.invalid:1"]
    began = asyncio.get_running_loop().time()
    async with asyncio.timeout(20):
        await a_router_listens(addresses, patience=0.2)
    assert asyncio.get_running_loop().time() - began >= 0.2


async def test_it_leaves_nothing_behind() -> None:
    """A worker that is told to stop meanwhile ends at once."""
    [absent] = free_ports(1)
    waiting = asyncio.create_task(a_router_listens([f"127.0.0.1:{absent}"], patience=30))
    await asyncio.sleep(0.05)
    waiting.cancel()
    await asyncio.wait([waiting], timeout=20)
    assert waiting.cancelled()
    assert asyncio.all_tasks() == {asyncio.current_task()}
