"""Targets that come back: probed without cost while they are out, loaded into memory before they serve."""

import asyncio
import time
from dataclasses import replace

from provider_workers.simulated import Fault
from tests.support.configurations import LOCAL, SECOND, Target
from tests.support.fault_lab import Lab
from tests.support.router_harness import until
from tests.system.faults.conftest import Open
from trunkline.types.v1.target_pb2 import TARGET_STATE_HALF_OPEN, TARGET_STATE_OUT, TARGET_STATE_READY

OFTEN = {"interval": "200ms"}
LONG = {"open_for": "30s", "failures_in_row": 1}
ANYWHERE = "any"


async def becomes(lab: Lab, state: int, timeout: float = 5.0) -> None:
    """Wait until the table shows the first target in that state."""
    async with asyncio.timeout(timeout):
        while (await lab.caller.row(lab.first.name)).state != state:  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def test_a_target_that_is_out_is_brought_back_by_a_probe(open_lab: Open, first: Target, mode: str) -> None:
    """While its provider refuses the key it stays out; once the list of models can be had it serves, without a call."""
    async with open_lab(first, SECOND, probes=OFTEN) as lab:
        lab.strike(Fault("401", operation=ANYWHERE))
        assert (await lab.call(mode)).answered_by == SECOND.name
        await becomes(lab, TARGET_STATE_OUT)
        await asyncio.sleep(0.7)
        assert (await lab.call(mode)).targets == [SECOND.name]
        prompts = len(lab.received(first))
        lab.recover()
        await becomes(lab, TARGET_STATE_READY)
        assert len(lab.received(first)) == prompts
        assert (await lab.call(mode)).answered_by == first.name


async def test_a_probe_shortens_the_time_of_an_open_circuit(open_lab: Open, first: Target, mode: str) -> None:
    """A circuit that was to stay open for 30 s lets a call probe as soon as the provider answers a free question."""
    async with open_lab(first, SECOND, probes=OFTEN, circuit=LONG) as lab:
        lab.strike(Fault("500", operation=ANYWHERE))
        assert (await lab.call(mode)).answered_by == SECOND.name
        lab.recover()
        await becomes(lab, TARGET_STATE_HALF_OPEN)
        assert (await lab.call(mode)).answered_by == first.name
        await becomes(lab, TARGET_STATE_READY)


async def test_a_provider_that_only_lists_is_asked_less_and_less(open_lab: Open, first: Target, mode: str) -> None:
    """Its list of models is sound and its answers are not: callers are answered elsewhere, and it is not hammered."""
    async with open_lab(first, SECOND, probes=OFTEN) as lab:
        lab.strike(Fault("401"))
        for _ in range(30):
            assert (await lab.call(mode)).answered_by == SECOND.name
            await asyncio.sleep(0.1)
        assert 2 <= len(lab.received(first)) <= 6


async def test_without_an_interval_nothing_is_probed(open_lab: Open, first: Target, mode: str) -> None:
    """Where probes are turned off a target stays out until its configuration changes."""
    async with open_lab(first, SECOND, probes={"interval": "0s"}) as lab:
        lab.strike(Fault("401"))
        await lab.call(mode)
        lab.recover()
        await asyncio.sleep(1.0)
        assert (await lab.caller.row(first.name)).state == TARGET_STATE_OUT


WARMED = replace(LOCAL, section={"warm_up": [LOCAL.model]})


async def test_a_model_is_loaded_at_the_start(open_lab: Open) -> None:
    """Without any call it is in memory soon after the worker attached."""
    async with open_lab(WARMED, SECOND) as lab:
        await until_resident(lab)
        assert [request.path for request in lab.received(LOCAL)] == ["/api/generate"]


async def test_a_model_is_loaded_before_its_target_returns(open_lab: Open, mode: str) -> None:
    """A target whose circuit was open comes back warm: the load is over before a caller is sent there."""
    async with open_lab(WARMED, SECOND, probes=OFTEN, circuit=LONG) as lab:
        await until_resident(lab)
        lab.strike(Fault("500"))
        assert (await lab.call(mode)).answered_by == SECOND.name
        unload(lab)
        lab.strike(load_seconds=1.0)
        assert (await lab.call(mode)).answered_by == SECOND.name
        await becomes(lab, TARGET_STATE_HALF_OPEN)
        result = await lab.call(mode)
        assert (result.answered_by, result.took < 0.8) == (LOCAL.name, True)


def unload(lab: Lab) -> None:
    """Take the model out of the provider's memory."""
    catalogue = lab.simulated.provider(LOCAL.backend).catalogue
    model = catalogue.find(LOCAL.model)
    assert model is not None
    catalogue.touch(model, 0, time.time())


async def until_resident(lab: Lab) -> None:
    """Wait until the first target's model is in its provider's memory."""
    catalogue = lab.simulated.provider(LOCAL.backend).catalogue
    await until(lambda: bool(catalogue.resident(time.time())), "the model to be loaded")
