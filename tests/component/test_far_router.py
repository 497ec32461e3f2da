"""A router that is far away is reached with the first try: connecting takes several times the way there and back."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from provider_workers.simulated import ProviderSpec, SimulatedProviders
from tests.support.configurations import FIRST, configuration, write_configuration
from tests.support.router_harness import running_router
from tests.support.tcp_proxy import cuttable
from tests.support.worker_harness import ScriptedRouter
from tests.support.worker_processes import worker_process
from trunkline import AsyncClient, Client

DELAY = 0.4
"""Seconds to the router; longer than the pause between two tries, which must not bound the try itself."""

PATIENCE = 30.0


def port_of(address: str) -> int:
    """The port of `host:port`."""
    return int(address.rpartition(":")[2])


@pytest.fixture
async def sim() -> AsyncIterator[SimulatedProviders]:
    """A provider that answers."""
    async with SimulatedProviders([ProviderSpec(FIRST.backend, models=(FIRST.model,))], seed=1) as providers:
        yield providers


async def test_a_caller_far_away_gets_its_answer(sim: SimulatedProviders, tmp_path: Path) -> None:
    """With either client, in the first call of a new one."""
    config = write_configuration(tmp_path, configuration((FIRST,), sim))
    async with running_router(config) as (router, _), cuttable("127.0.0.1", port_of(router.address), DELAY) as far:
        async with AsyncClient(far.address, timeout=PATIENCE) as client:
            assert (await client.complete("hello")).text
        assert await asyncio.to_thread(answer_to_sync, far.address)


def answer_to_sync(address: str) -> str:
    """What a sync client is answered."""
    with Client(address, timeout=PATIENCE) as client:
        return client.complete("hello").text


async def test_a_worker_far_away_attaches_without_complaint(sim: SimulatedProviders) -> None:
    """Its router does not count as one that cannot be reached."""
    arguments = ["--backend", "openai", "--kind", "openai_wire", "--base-url", sim.base_url(FIRST.backend)]
    async with (
        ScriptedRouter() as router,
        cuttable("127.0.0.1", port_of(router.address), DELAY) as far,
        worker_process([*arguments, "--model", FIRST.model, "--router", far.address]) as process,
    ):
        await router.worker()
        process.terminate()
        _, said = await process.communicate()
    assert "cannot be reached" not in said.decode()
