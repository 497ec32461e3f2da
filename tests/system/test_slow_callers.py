"""Callers that do not read: neither the router nor the worker keeps their answers in memory."""

import asyncio
import time
from pathlib import Path

import pytest

from provider_workers.simulated import Behaviour, SimulatedProviders
from tests.support.caller import ask
from tests.support.configurations import FIRST, configuration, write_configuration
from tests.support.router_process import RunningProcess, attached, deployment

UNREAD = 40
ANSWER = " ".join(["x" * 20_000] * 400)
"""8 MB, so that all unread answers together are 320 MB."""

MOST_GROWTH = 80
"""MiB in one process; measured 8 in the router and 27 in the worker."""


def resident(process: RunningProcess) -> float:
    """MiB of memory that the process has."""
    status = Path(f"/proc/{process.process.pid}/status")
    if not status.exists():
        pytest.skip("a process's memory can be read on Linux only")
    line = next(line for line in status.read_text().splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


async def test_unread_answers_stay_with_their_provider(simulated: SimulatedProviders, tmp_path: Path) -> None:
    """With 40 unread answers of 8 MB memory hardly grows, a neighbour is answered at once, and all can be cancelled."""
    async with deployment(write_configuration(tmp_path, configuration((FIRST,), simulated))) as processes:
        router, worker = await processes.router(), await processes.worker("openai")
        caller = await processes.caller()
        await caller.complete(ask())
        before = (resident(router), resident(worker))
        simulated.set_behaviour("openai", Behaviour(answer_text=ANSWER))
        calls = [caller.open(ask(), timeout=60.0) for _ in range(UNREAD)]
        for call in calls:
            await anext(aiter(call))
        await asyncio.sleep(2.0)
        assert resident(router) - before[0] < MOST_GROWTH
        assert resident(worker) - before[1] < MOST_GROWTH
        simulated.set_behaviour("openai", Behaviour())
        began = time.monotonic()
        await caller.complete(ask())
        assert time.monotonic() - began < 1.0
        for call in calls:
            call.cancel()
        async with asyncio.timeout(10):
            while (await attached(caller, 1))[0].in_flight:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
