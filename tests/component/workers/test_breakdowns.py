"""What an adapter does wrong costs one stream or one look at the provider, never the worker."""

import asyncio
from random import Random

import pytest

from provider_workers import worker as module_of_worker
from provider_workers.backends.base import BackendDescription, RateLimitLeft
from provider_workers.link import client
from provider_workers.link.client import Link
from provider_workers.settings import BackendSettings, WorkerSettings
from provider_workers.worker import Worker
from service_common.clock import SystemClock
from service_common.vocabulary import Locality, WorkerState
from tests.support.backends import TwoModels
from tests.support.worker_harness import ScriptedRouter

MORE_THAN_THE_WIRE_HOLDS = 10**30


class OnceTooMuch(TwoModels):
    """Says once that more is left of its rate limit than a heartbeat can hold."""

    said = False

    def rate_limit(self) -> RateLimitLeft | None:
        """Too much, the first time."""
        if self.said:
            return None
        self.said = True
        return RateLimitLeft(remaining_requests=MORE_THAN_THE_WIRE_HOLDS)


class OnceOdd(TwoModels):
    """Meets a description, the first time, that it was not made for."""

    met = False

    async def describe(self) -> BackendDescription:
        """Both models, the second time."""
        if self.met:
            return await super().describe()
        self.met = True
        raise TypeError("unhashable type: 'list'")


def worker(backend: TwoModels, router: str = "127.0.0.1:1") -> Worker:
    """A worker for the backend."""
    served = BackendSettings("local", "ollama", "ollama", "http://127.0.0.1:1")
    return Worker(WorkerSettings(served, (router,), "w", 1), backend, Locality.HOST, SystemClock())


async def test_a_heartbeat_that_cannot_be_made_ends_its_stream_and_the_worker_attaches_again() -> None:
    """A worker without heartbeats would be taken for dead while it believes to be attached."""
    async with ScriptedRouter(heartbeat=0.05) as router:
        link = Link(worker(OnceTooMuch(), router.address), "1", Random(1))
        running = asyncio.create_task(link.run())
        try:
            again = await router.worker(2)
            await again.heartbeat_where(lambda beat: beat.sequence >= 2)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


async def test_a_description_that_cannot_be_read_is_a_state_and_is_asked_for_again() -> None:
    """The worker says what it is like, and is well again as soon as the provider is."""
    served = worker(OnceOdd())
    await served.refresh()
    state, reason = served.state()
    assert state is WorkerState.UNHEALTHY
    assert "TypeError" in reason
    await served.refresh()
    assert served.state() == (WorkerState.READY, "")
    await served.close()


class WrongKey(TwoModels):
    """Refuses a key, with its own mask of it and a number of the request, until it takes it."""

    times = 0
    refuses = True

    async def describe(self) -> BackendDescription:
        """The refusal, while it refuses."""
        if not self.refuses:
            return await super().describe()
        self.times += 1
        said = f"auth: Incorrect API key provided: sk-sim********wrong (request {self.times})"
        return BackendDescription((), WorkerState.UNHEALTHY, said)


async def test_what_ails_a_backend_is_logged_once_without_its_key(caplog: pytest.LogCaptureFixture) -> None:
    """One line when it falls ill and one when it is well again, however often it is asked, scrubbed like the table."""
    caplog.set_level("INFO", "provider_workers")
    backend = WrongKey()
    served = worker(backend)
    for _ in range(3):
        await served.refresh()
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    backend.refuses = False
    await served.refresh()
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]
    assert "[secret]" in caplog.text
    assert "wrong" not in caplog.text
    await served.close()


class OnceBroken(Random):
    """Breaks down the first time that it is asked for a delay."""

    broken = False

    def uniform(self, a: float, b: float) -> float:
        """As `Random.uniform`, the second time."""
        if self.broken:
            return super().uniform(a, b)
        self.broken = True
        raise RuntimeError("no entropy")


class NeverClosed(TwoModels):
    """Does not let go of its provider."""

    async def close(self) -> None:
        """Hang."""
        await asyncio.Event().wait()


async def test_a_link_that_breaks_down_is_logged_and_dialled_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """What nobody foresaw between two streams costs a pause, not the router for ever."""
    monkeypatch.setattr(client, "SLOW_DELAY", 0.05)
    async with ScriptedRouter() as router:
        link = Link(worker(TwoModels(), router.address), "1", OnceBroken(1))
        running = asyncio.create_task(link.run())
        try:
            (await router.worker(1)).hang_up()
            await router.worker(2)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
    [said] = [record for record in caplog.records if record.exc_info and "no entropy" in str(record.exc_info[1])]
    assert router.address in said.getMessage()


async def test_a_provider_that_is_not_let_go_of_does_not_keep_the_worker(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The worker says so and ends."""
    monkeypatch.setattr(module_of_worker, "CLOSE_TIMEOUT", 0.05)
    async with asyncio.timeout(5):
        await worker(NeverClosed()).close()
    assert "local did not close its connections" in caplog.text
