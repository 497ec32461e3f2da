"""Processes that are asked to leave: nothing is lost, nothing is left behind, the exit status is 0."""

import asyncio
import re
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest

from provider_workers.simulated import Behaviour, Fault, SimulatedProviders
from tests.support.caller import CallFailure, Told, ask, failure_of
from tests.support.configurations import FIRST, SECOND, configuration, write_configuration
from tests.support.router_process import Deployment, attached, deployment

SLOW = Behaviour(answer_tokens=60, tokens_per_second=40)


@pytest.fixture
async def running(simulated: SimulatedProviders, tmp_path: Path) -> AsyncIterator[Deployment]:
    """A configuration of two targets."""
    config = write_configuration(tmp_path, configuration((FIRST, SECOND), simulated))
    async with deployment(config) as processes:
        yield processes


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_router_finishes_what_it_has(
    running: Deployment, simulated: SimulatedProviders, number: signal.Signals
) -> None:
    """The running answer arrives whole, the router ends with 0, and its worker stays and says what happened."""
    router = await running.router()
    worker = await running.worker("openai")
    caller = await running.caller()
    simulated.set_behaviour("openai", SLOW)
    reading = asyncio.create_task(caller.stream(ask()))
    await simulated.wait_for_request("openai", lambda request: request.tokens_sent > 3)
    router.send(number)
    told = await reading
    assert told.completed.usage.output_tokens == 60
    assert await router.ended() == 0
    assert "Traceback" not in router.log
    await worker.said(re.compile("cannot be reached|ended the stream|was lost"))
    assert worker.process.returncode is None
    worker.send(signal.SIGTERM)
    assert await worker.ended() == 0


async def test_no_call_fails_while_a_worker_is_replaced(running: Deployment, simulated: SimulatedProviders) -> None:
    """A rolling restart under load: the old worker drains, the new one serves, every call is answered."""
    await running.router()
    old = await running.worker("openai", "old")
    caller = await running.caller()
    simulated.set_behaviour("openai", Behaviour(answer_tokens=10, tokens_per_second=100))
    answered, failures, stop = 0, [], asyncio.Event()

    async def keep_calling() -> None:
        nonlocal answered
        while not stop.is_set():
            try:
                await caller.complete(ask())
                answered += 1
            except grpc.aio.AioRpcError as failure:
                failures.append(failure.details())

    callers = [asyncio.create_task(keep_calling()) for _ in range(5)]
    await asyncio.sleep(0.3)
    await running.worker("openai", "new")
    await attached(caller, 2)
    old.send(signal.SIGTERM)
    assert await old.ended() == 0
    before = answered
    await asyncio.sleep(0.5)
    stop.set()
    await asyncio.gather(*callers)
    assert failures == []
    assert answered > before
    assert "Traceback" not in old.log
    [left] = await attached(caller, 1)
    assert left.worker_id == "new"


async def test_a_worker_finishes_what_it_has(running: Deployment, simulated: SimulatedProviders) -> None:
    """Told to leave in the middle of an answer, it gets nothing new, finishes, and ends with 0."""
    await running.router()
    first = await running.worker("openai")
    await running.worker("groq")
    caller = await running.caller()
    simulated.set_behaviour("openai", SLOW)
    reading = asyncio.create_task(caller.stream(ask()))
    await simulated.wait_for_request("openai", lambda request: request.tokens_sent > 3)
    first.send(signal.SIGTERM)
    await asyncio.sleep(0.2)
    assert (await caller.complete(ask())).completed.target == SECOND.name
    assert len((await reading).completed.attempts) == 1
    assert await first.ended() == 0


async def test_a_router_does_not_wait_for_ever(running: Deployment, simulated: SimulatedProviders) -> None:
    """A call that never ends is cut off after the grace; the router says so and still ends with 0."""
    text = running.config.read_text()
    running.config.write_text(text.replace("drain_grace: 5s", "drain_grace: 500ms"))
    router = await running.router()
    await running.worker("openai")
    caller = await running.caller()
    simulated.set_behaviour("openai", Behaviour(faults=(Fault("silent_before_headers"),)))
    told = Told()
    failing: asyncio.Task[CallFailure] = asyncio.create_task(failure_of(caller.stream(ask(), told=told)))
    await simulated.wait_for_request("openai", lambda request: request.prompt_sha256 is not None)
    began = time.monotonic()
    router.send(signal.SIGTERM)
    failure = await failing
    assert await router.ended() == 0
    assert time.monotonic() - began < 4.0
    assert "completed" not in told.kinds
    assert failure.code in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED)
    assert "1 calls were still in progress" in router.log
    await simulated.wait_for_request("openai", lambda request: request.outcome == "client_closed")
