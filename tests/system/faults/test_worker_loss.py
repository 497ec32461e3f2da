"""Worker processes that are killed or stopped: as by the kernel when memory is used up, or by a host that hangs."""

import asyncio
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest

from provider_workers.simulated import SimulatedProviders
from tests.support.caller import Caller, ask, routed
from tests.support.configurations import SECOND, Target, configuration, write_configuration
from tests.support.fault_lab import FROM_SECOND, Lab
from tests.support.router_harness import KEY
from tests.support.router_process import Deployment, attached, deployment
from trunkline.types.v1 import attempt_pb2 as attempts
from trunkline.types.v1 import chat_pb2 as chat
from trunkline.types.v1.target_pb2 import TARGET_STATE_DETACHED, TARGET_STATE_READY, TARGET_STATE_SUSPECT

LITELLM_STARTS = 60.0
"""Seconds that a worker may take until it is attached: litellm alone is imported for some."""

RESET = routed(stream_recovery=chat.STREAM_RECOVERY_RESET)
SHOWN_AS = {signal.SIGKILL: TARGET_STATE_DETACHED, signal.SIGSTOP: TARGET_STATE_SUSPECT}
pytestmark = pytest.mark.timeout(240)


@pytest.fixture
async def running(simulated: SimulatedProviders, tmp_path: Path, first: Target) -> AsyncIterator[Deployment]:
    """A router over two targets, the second with its worker."""
    config = write_configuration(tmp_path, configuration((first, SECOND), simulated))
    async with deployment(config, KEY) as processes:
        await processes.router()
        await processes.worker(SECOND.backend)
        yield processes


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP], ids=lambda number: number.name)
async def test_a_lost_worker_loses_no_answer(
    running: Deployment, simulated: SimulatedProviders, first: Target, number: signal.Signals
) -> None:
    """A streamed and a whole answer that run on it come from the next target; the table shows the loss; when the worker
    is back it serves; and the router has counted what the provider saw."""
    worker = await running.worker(first.backend, "first", patience=LITELLM_STARTS)
    caller = await running.caller()
    simulated.set_behaviour(first.backend, Lab.behaviour(answer_tokens=3_000, tokens_per_second=50))
    streaming = asyncio.create_task(caller.stream(RESET, timeout=60))
    collecting = asyncio.create_task(caller.complete(ask(), timeout=60))
    await both_flow(simulated, first)
    worker.send(number)
    try:
        told, answer = await asyncio.gather(streaming, collecting)
        assert (told.text, answer.text) == (FROM_SECOND, FROM_SECOND)
        for completed in (told.completed, answer.completed):
            lost, won = completed.attempts
            assert (lost.target, lost.failure_class) == (first.name, attempts.FAILURE_CLASS_WORKER_LOST)
            assert won.target == SECOND.name
        assert (await caller.row(first.name)).state == SHOWN_AS[number]
        simulated.reset_behaviour(first.backend)
    finally:
        if number is signal.SIGSTOP:
            worker.send(signal.SIGCONT)
    if number is signal.SIGKILL:
        await running.worker(first.backend, "second", patience=LITELLM_STARTS)
    await attached(caller, 2)
    await serves_again(caller, first)
    row = await caller.row(first.name)
    assert (row.state, row.in_flight) == (TARGET_STATE_READY, 0)
    assert row.attempts == sum(1 for request in simulated.requests(first.backend) if request.prompt_sha256)


async def both_flow(simulated: SimulatedProviders, target: Target) -> None:
    """Wait until two answers of the target are under way."""
    async with asyncio.timeout(30):
        while True:
            flowing = [r for r in simulated.requests(target.backend) if r.tokens_sent > 5 and not r.ended]
            if len(flowing) == 2:
                return
            await asyncio.sleep(0.02)


async def serves_again(caller: Caller, target: Target) -> None:
    """Wait until the target answers calls of its own."""
    async with asyncio.timeout(20):
        while True:
            try:
                await caller.complete(routed(model=target.name))
            except grpc.aio.AioRpcError:
                await asyncio.sleep(0.05)
            else:
                return
