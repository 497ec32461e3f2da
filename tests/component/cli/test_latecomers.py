"""Workers that attach when the screen of `up` is, or must not wait to be, shown."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

import trunkline
from provider_workers.simulated import ProviderSpec, SimulatedProviders
from tests.support.configurations import FIRST, SECOND, configuration, write_configuration
from tests.support.router_harness import RunningRouter, running_router, until
from trunkline.cli.processes.latecomers import tell_latecomers
from trunkline.cli.processes.readiness import Patience, wait_until_attached
from trunkline.cli.processes.router_tools import BackendDescription
from trunkline.cli.processes.supervisor import Notice

BOTH = (FIRST.backend, SECOND.backend)


@pytest.fixture
async def router(tmp_path: Path) -> AsyncIterator[RunningRouter]:
    """With two backends and no worker yet."""
    specs = [ProviderSpec(each.backend, models=(each.model,)) for each in (FIRST, SECOND)]
    async with SimulatedProviders(specs, seed=1) as simulated:
        config = write_configuration(tmp_path, configuration((FIRST, SECOND), simulated))
        async with running_router(config, workers=False) as (router, _):
            yield router


async def test_a_slow_worker_is_not_waited_for_while_another_can_answer(router: RunningRouter) -> None:
    """With the quick ones attached the slow one gets a moment; where all are slow it gets the whole time."""
    told: list[frozenset[str]] = []
    async with trunkline.AsyncClient(router.address) as client:
        patient = Patience(all=0.3, slow=0.0)
        assert await wait_until_attached(client, BOTH, BOTH, told.append, patient) == set(BOTH)
        async with router.worker(FIRST.backend):
            hasty = Patience(all=600.0, slow=0.05)
            missing = await asyncio.wait_for(wait_until_attached(client, BOTH, BOTH[1:], told.append, hasty), 60.0)
            assert missing == {SECOND.backend}
            async with router.worker(SECOND.backend):
                assert not await wait_until_attached(client, BOTH, BOTH[1:], told.append)
    assert (told[0], told[-1]) == (frozenset(BOTH), frozenset())


async def test_a_late_worker_is_told_with_what_it_serves(router: RunningRouter) -> None:
    """One line per worker, with its state and models; those that never come are never told."""
    late = [BackendDescription(name, "litellm", (), simulated=False, enabled=True) for name in BOTH]
    told: list[Notice] = []
    telling = asyncio.create_task(tell_latecomers(router.address, late, told.append))
    try:
        async with router.worker(SECOND.backend):
            await until(lambda: bool(told), "the worker to be told")
            assert not telling.done()
            async with router.worker(FIRST.backend):
                await asyncio.wait_for(telling, 30.0)
    finally:
        telling.cancel()
    assert told[0] == Notice(f"worker {SECOND.backend}", f"attached; ready: {SECOND.model}", bad=False)
    assert [notice.name for notice in told[1:]] == [f"worker {FIRST.backend}"]
