"""Calls whose stream or client is closed, and clients in the wrong event loop, against a real gRPC server."""

import asyncio
import threading

import pytest

from tests.support.scripted_router import ScriptedRouter, Wait, completed, table_of
from trunkline import AsyncClient, Cancelled, Client, InvalidRequest

pytestmark = pytest.mark.usefixtures("silent")


@pytest.fixture
async def silent(router: ScriptedRouter) -> None:
    """The router begins every stream and falls silent; it answers a question for its table."""
    router.script.answers["StreamComplete"] = [*completed("Hello")[:2], Wait(30)]
    router.script.answers["RunDrill"] = [Wait(30)]
    router.script.answers["GetTable"] = table_of("a/b")


async def test_a_stream_closed_elsewhere_fails_for_its_reader(router: ScriptedRouter, client: AsyncClient) -> None:
    """Nobody cancelled the reader, so it sees an error that a task group does not swallow."""
    stream = client.stream("hi")
    reader = asyncio.create_task(stream.collect())
    await asyncio.wait_for(router.script.asked.wait(), 5)
    await stream.aclose()
    with pytest.raises(Cancelled, match="ended here: its stream or its client was closed"):
        await reader
    assert not reader.cancelled()


async def test_closing_the_client_fails_what_still_runs(router: ScriptedRouter) -> None:
    """Answers, streams and what operators follow alike, whether somebody reads them at that moment or later."""
    async with AsyncClient(router.address, timeout=5.0) as client:
        stream, later = client.stream("hi"), client.stream("hi")
        await anext(stream)
        await anext(later)
        readers = [asyncio.ensure_future(work) for work in (stream.collect(), anext(client.admin.drill()))]
        await asyncio.sleep(0)
    for reader in readers:
        with pytest.raises(Cancelled, match="ended here"):
            await reader
    with pytest.raises(Cancelled, match="ended here"):
        await later.collect()


async def test_a_cancelled_task_sees_that_it_was_cancelled(router: ScriptedRouter, client: AsyncClient) -> None:
    """Also where its stream was closed at the same moment: who cancelled the task waits for just that."""
    stream = client.stream("hi")
    reader = asyncio.create_task(stream.collect())
    await asyncio.wait_for(router.script.asked.wait(), 5)
    await stream.aclose()
    reader.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reader


async def test_a_deadline_of_asyncio_remains_one(client: AsyncClient) -> None:
    """`asyncio.timeout` cancels the task, and makes TimeoutError of it."""
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await client.stream("hi").collect()


async def test_a_closed_client_says_so(router: ScriptedRouter) -> None:
    """Every kind of call of both clients."""
    client = AsyncClient(router.address)
    await client.close()
    with pytest.raises(Cancelled, match="the client is closed: make another"):
        await client.table()
    with pytest.raises(Cancelled, match="the client is closed"):
        client.stream("hi")
    with pytest.raises(Cancelled, match="the client is closed"):
        await anext(client.watch_table())
    sync = Client(router.address)
    sync.close()
    with pytest.raises(Cancelled, match="the client is closed: make another"):
        sync.table()
    with pytest.raises(Cancelled, match="the client is closed"):
        sync.stream("hi")
    with pytest.raises(Cancelled, match="the client is closed"):
        next(sync.watch_table())


async def test_the_sync_client_says_the_same_of_what_was_closed(router: ScriptedRouter) -> None:
    """A stream that another thread closes, and one whose client is closed."""

    def use() -> None:
        with Client(router.address, timeout=5) as client:
            stream, later = client.stream("hi"), client.stream("hi")
            next(stream)
            next(later)
            threading.Timer(0.1, stream.close).start()
            with pytest.raises(Cancelled, match="ended here: its stream or its client was closed"):
                stream.collect()
        with pytest.raises(Cancelled, match="ended here"):
            later.collect()

    await asyncio.to_thread(use)


async def test_an_async_client_belongs_to_one_event_loop(router: ScriptedRouter) -> None:
    """In another loop, and in none, a call is refused at once with the way out."""
    client = AsyncClient(router.address)
    assert [row.target for row in await client.table()] == ["a/b"]

    async def use() -> None:
        await client.table()

    with pytest.raises(InvalidRequest, match=r"another event loop; make one for each `asyncio\.run`"):
        await asyncio.to_thread(asyncio.run, use())
    with pytest.raises(InvalidRequest, match="no event loop runs"):
        await asyncio.to_thread(client.stream, "hi")
    with pytest.raises(InvalidRequest, match="no event loop runs; make and use it in a coroutine, or take `Client`"):
        await asyncio.to_thread(AsyncClient, router.address)
    await client.close()


async def test_a_client_made_before_its_loop_runs_belongs_to_the_one_that_is_set(router: ScriptedRouter) -> None:
    """As scripts do that set a loop and run it call by call."""

    def use() -> list[str]:
        loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)
        try:
            client = AsyncClient(router.address)
            rows = loop.run_until_complete(client.table())
            loop.run_until_complete(client.close())
        finally:
            asyncio.set_event_loop(None)
            loop.close()
        return [row.target for row in rows]

    assert await asyncio.to_thread(use) == ["a/b"]
