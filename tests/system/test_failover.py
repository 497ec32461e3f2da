"""Real processes that are killed and paused in the middle of an answer: the caller gets his answer all the same."""

import asyncio
import logging
import re
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from provider_workers.simulated import Behaviour, SimulatedProviders
from tests.support.caller import Caller, Told, ask, routed
from tests.support.configurations import FIRST, SECOND, configuration, write_configuration
from tests.support.router_process import PATIENCE, Deployment, RunningProcess, attached, deployment
from trunkline.admin.v1 import admin_service_pb2 as admin
from trunkline.types.v1 import attempt_pb2 as attempts
from trunkline.types.v1 import chat_pb2 as chat

log = logging.getLogger(__name__)  # shows what was measured, with --log-cli-level=INFO

KILL_BOUND = 0.4
"""Seconds from the kill to the caller's notice; measured 5 to 40 ms."""

HEARTBEAT = 0.2
SLOW = Behaviour(answer_tokens=200, tokens_per_second=50)
RESET = routed(stream_recovery=chat.STREAM_RECOVERY_RESET)


@pytest.fixture
async def running(simulated: SimulatedProviders, tmp_path: Path) -> AsyncIterator[Deployment]:
    """A router over two targets, without workers yet."""
    config = write_configuration(tmp_path, configuration((FIRST, SECOND), simulated))
    async with deployment(config) as processes:
        yield processes


async def begin(caller: Caller, simulated: SimulatedProviders, pieces: int = 5) -> tuple[asyncio.Task[Told], Told]:
    """A stream of which some pieces have arrived."""
    told = Told()
    reading = asyncio.create_task(caller.stream(RESET, told=told))
    async with asyncio.timeout(10):
        while len(told.all("text_delta")) < pieces:  # noqa: ASYNC110
            await asyncio.sleep(0.005)
    return reading, told


async def test_a_killed_worker_is_replaced_at_once(running: Deployment, simulated: SimulatedProviders) -> None:
    """The attempt fails as soon as the stream breaks, and the next target answers."""
    await running.router()
    first, _ = await running.worker("openai"), await running.worker("groq")
    caller = await running.caller()
    simulated.set_behaviour("openai", SLOW)
    reading, told = await begin(caller, simulated)
    killed_at = time.monotonic()
    first.send(signal.SIGKILL)
    await reading
    noticed = told.time_of("attempt_failed") - killed_at
    log.info("kill_to_attempt_failed: %s ms", round(noticed * 1000, 1))
    assert noticed < KILL_BOUND
    [failed] = told.all("attempt_failed")
    assert (failed.target, failed.failure_class) == (FIRST.name, attempts.FAILURE_CLASS_WORKER_LOST)
    assert "openai-1" in failed.failure_message
    assert told.completed.target == SECOND.name
    assert told.completed.is_fallback
    await simulated.wait_for_request("openai", lambda request: request.outcome == "client_closed")
    await attached(caller, 1)


async def test_a_replica_takes_over_on_the_same_target(running: Deployment, simulated: SimulatedProviders) -> None:
    """With two workers of one backend the killed one's attempt is retried on the other; no other target is touched."""
    await running.router()
    replicas: dict[str, RunningProcess] = {name: await running.worker("openai", name) for name in ("one", "two")}
    await running.worker("groq")
    caller = await running.caller()
    simulated.set_behaviour("openai", SLOW)
    config = running.config.read_text()
    assert "retries_per_target: 0" in config
    running.config.write_text(config.replace("retries_per_target: 0", "retries_per_target: 1"))
    await caller.admin.ReloadConfiguration(admin.ReloadConfigurationRequest(), timeout=PATIENCE)
    reading, told = await begin(caller, simulated)
    busy = next(worker for worker in await attached(caller, 3) if worker.in_flight)
    simulated.set_behaviour("openai", Behaviour())
    replicas[busy.worker_id].send(signal.SIGKILL)
    await reading
    assert told.completed.target == FIRST.name
    lost, won = told.completed.attempts
    assert (lost.worker_id, lost.failure_class) == (busy.worker_id, attempts.FAILURE_CLASS_WORKER_LOST)
    assert (won.kind, won.worker_id) == (attempts.ATTEMPT_KIND_RETRY, ({*replicas} - {busy.worker_id}).pop())
    assert [request for request in simulated.requests("groq") if request.prompt_sha256] == []


async def test_a_paused_worker_is_noticed_by_its_heartbeats(running: Deployment, simulated: SimulatedProviders) -> None:
    """Its stream stays open, so only silence tells: after two and a half intervals the next target takes over."""
    router = await running.router()
    first, _ = await running.worker("openai"), await running.worker("groq")
    caller = await running.caller()
    simulated.set_behaviour("openai", SLOW)
    reading, told = await begin(caller, simulated)
    paused_at = time.monotonic()
    first.send(signal.SIGSTOP)
    try:
        await reading
        noticed = told.time_of("attempt_failed") - paused_at
        log.info("pause_to_attempt_failed: %s ms", round(noticed * 1000, 1))
        assert HEARTBEAT < noticed < 10 * HEARTBEAT
        assert told.all("attempt_failed")[0].failure_class == attempts.FAILURE_CLASS_WORKER_LOST
        assert "heartbeat" in told.all("attempt_failed")[0].failure_message
        assert told.completed.target == SECOND.name
        answer = await caller.complete(ask())
        assert [attempt.target for attempt in answer.completed.attempts] == [SECOND.name]
    finally:
        first.send(signal.SIGCONT)
    simulated.set_behaviour("openai", Behaviour())
    await router.said(re.compile("is suspect"))
    async with asyncio.timeout(10):
        while (await caller.complete(ask())).completed.target != FIRST.name:  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def test_workers_come_back_after_the_router_was_killed(
    running: Deployment, simulated: SimulatedProviders
) -> None:
    """A restart on the same port loses no worker; the caller of the old router is told, its provider let go."""
    router = await running.router()
    await running.worker("openai")
    await running.worker("groq")
    caller = await running.caller()
    simulated.set_behaviour("openai", SLOW)
    reading, told = await begin(caller, simulated)
    router.send(signal.SIGKILL)
    with pytest.raises(Exception, match="UNAVAILABLE"):
        await reading
    assert "completed" not in told.kinds
    await simulated.wait_for_request("openai", lambda request: request.outcome == "client_closed")
    simulated.set_behaviour("openai", Behaviour())
    port = int(running.address.rpartition(":")[2])
    began = time.monotonic()
    await running.router(port)
    again = await running.caller()
    await attached(again, 2)
    log.info("router_restart_to_all_workers: %s s", round(time.monotonic() - began, 2))
    assert (await again.complete(ask())).completed.target == FIRST.name


async def test_a_worker_serves_several_routers(running: Deployment, simulated: SimulatedProviders) -> None:
    """Attached to two, it answers callers of both, and the end of one router leaves the other's callers alone."""
    one = await running.router()
    first = await running.caller()
    first_address = running.address
    await running.router()
    second = await running.caller()
    await running.worker("openai", routers=f"{first_address},{running.address}")
    await attached(first, 1)
    await attached(second, 1)
    for caller in (first, second):
        assert (await caller.complete(ask())).completed.target == FIRST.name
    simulated.set_behaviour("openai", Behaviour(answer_tokens=50, tokens_per_second=50))
    reading, told = await begin(second, simulated)
    one.send(signal.SIGKILL)
    await reading
    assert len(told.completed.attempts) == 1
