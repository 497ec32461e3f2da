"""Two replicas of the router restarted one after the other under load: no caller that knows both sees a failure."""

import asyncio
import logging
import re
import signal
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from provider_workers.simulated import Behaviour, SimulatedProviders
from tests.support.caller import caller_of
from tests.support.configurations import FIRST, SECOND, configuration, write_configuration
from tests.support.router_process import Deployment, RunningProcess, attached, deployment
from trunkline import AsyncClient, Completed, TrunklineError

log = logging.getLogger(__name__)  # shows what was measured, with --log-cli-level=INFO

CALLERS = 8
RESTARTS = 2
"""Of each replica."""

BRISK = Behaviour(answer_tokens=10, tokens_per_second=100)
"""An answer takes 0.1 s: at any moment calls run on both replicas."""

pytestmark = pytest.mark.timeout(240)


@dataclass(slots=True)
class Load:
    """Callers that share one client and never stop: half of them stream."""

    client: AsyncClient
    answered: int = 0
    failures: list[str] = field(default_factory=list)
    _stop: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        """Call until told to stop."""
        async with asyncio.TaskGroup() as callers:
            for number in range(CALLERS):
                callers.create_task(self._keep_calling(streaming=bool(number % 2)))

    def stop(self) -> None:
        """No call after those that run."""
        self._stop.set()

    async def more(self, calls: int) -> None:
        """Wait for so many more answers."""
        wanted = self.answered + calls
        async with asyncio.timeout(60):
            while self.answered < wanted:  # noqa: ASYNC110
                await asyncio.sleep(0.02)

    async def _keep_calling(self, *, streaming: bool) -> None:
        while not self._stop.is_set():
            try:
                await (self._stream() if streaming else self.client.complete("Tell me about bridges."))
            except TrunklineError as error:
                self.failures.append(f"{type(error).__name__}: {error}")
            else:
                self.answered += 1

    async def _stream(self) -> None:
        async with self.client.stream("Tell me about bridges.") as stream:
            events = [event async for event in stream]
        assert isinstance(events[-1], Completed)


@pytest.fixture
def settings() -> dict[str, str]:
    """Of the routers: they come and leave as slowly as by default."""
    return {"lame_duck": "500ms"}


@pytest.fixture
async def running(simulated: SimulatedProviders, tmp_path: Path, settings: dict[str, str]) -> AsyncIterator[Deployment]:
    """A configuration of two targets."""
    content = configuration((FIRST, SECOND), simulated)
    content["router"] |= settings
    async with deployment(write_configuration(tmp_path, content)) as processes:
        yield processes


async def test_no_call_fails_while_two_routers_are_restarted(
    running: Deployment, simulated: SimulatedProviders
) -> None:
    """Each says that it leaves, is left, finishes what it has and ends; the other serves; the workers of both attach to
    the new one, and it takes its share of the calls."""
    simulated.set_behaviour(FIRST.backend, BRISK)
    routers: dict[str, RunningProcess] = {}
    for _ in range(2):
        router = await running.router()
        routers[running.address] = router
    for target in (FIRST, SECOND):
        await running.worker(target.backend, routers=",".join(routers))
    for address in routers:
        await serves(address)
    async with AsyncClient(",".join(routers)) as client:
        load = Load(client)
        calling = asyncio.create_task(load.run())
        await load.more(50)
        for address in [*routers] * RESTARTS:
            await replaced(running, routers, address)
            await takes_calls(address)
            await load.more(50)
        load.stop()
        await calling
    log.info("answered: %s, failures: %s", load.answered, Counter(load.failures))
    assert load.failures == []


async def replaced(running: Deployment, routers: dict[str, RunningProcess], address: str) -> None:
    """Restart the router at an address, as a deployment does: the next one begins when the workers are back."""
    routers[address].send(signal.SIGTERM)
    assert await routers[address].ended() == 0
    assert "Traceback" not in routers[address].log
    assert re.search(r"stopping: \d+ calls in progress", routers[address].log)
    routers[address] = await running.router(int(address.rpartition(":")[2]))
    await serves(address)


async def serves(address: str) -> None:
    """Wait until both workers are attached to the router at an address."""
    async with caller_of(address) as caller:
        await attached(caller, 2)


async def takes_calls(address: str) -> None:
    """Wait until callers have come back to the router at an address: only then may its neighbour leave them."""
    async with caller_of(address) as caller, asyncio.timeout(30):
        while (await caller.row(FIRST.name)).attempts == 0:  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def health(running: Deployment) -> int:
    """What balancers are told."""
    async with caller_of(running.address) as caller:
        request = health_pb2.HealthCheckRequest(service="trunkline.router.v1.RouterService")
        stub: Any = health_pb2_grpc.HealthStub(caller.channel)
        answer = await stub.Check(request, timeout=10)
        return int(answer.status)


async def becomes_serving(running: Deployment) -> None:
    """Wait until balancers are told to send calls."""
    async with asyncio.timeout(30):
        while await health(running) != health_pb2.HealthCheckResponse.SERVING:  # noqa: ASYNC110
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("settings", [{"attach_wait": "60s"}])
async def test_a_router_that_starts_waits_for_its_workers(running: Deployment) -> None:
    """A worker of each backend, not of some: until then balancers are told to send calls to its neighbours."""
    await running.router()
    assert await health(running) == health_pb2.HealthCheckResponse.NOT_SERVING
    await running.worker(FIRST.backend)
    assert await health(running) == health_pb2.HealthCheckResponse.NOT_SERVING
    await running.worker(SECOND.backend)
    await becomes_serving(running)


@pytest.mark.parametrize("settings", [{"attach_wait": "100ms"}])
async def test_a_router_does_not_wait_for_workers_for_ever(running: Deployment) -> None:
    """After its patience it takes calls with those that it has, and says whom it lacks."""
    router = await running.router()
    await becomes_serving(running)
    await router.said(re.compile(f"although no worker is attached of: {FIRST.backend}, {SECOND.backend}"))
