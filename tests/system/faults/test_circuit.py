"""A flapping provider: the circuit opens, half-opens with one probe, closes; and what happens when all are open."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from provider_workers.simulated import Fault
from tests.support.caller import routed
from tests.support.configurations import SECOND, THIRD, Target
from tests.support.fault_lab import FROM_SECOND, STREAM, UNARY, Lab
from tests.system.faults.conftest import Open
from trunkline.types.v1.target_pb2 import TARGET_STATE_CIRCUIT_OPEN, TARGET_STATE_HALF_OPEN, TARGET_STATE_READY

OPENS_AFTER = 5
QUICK_CIRCUIT = {"open_for": "500ms", "open_for_max": "2s"}
EAGER = {"settings": {"availability": {"threshold": 0}}}
"""Of a profile that goes on asking a target that has failed, so that it is the circuit that ends it."""


@pytest.fixture
async def lab(open_lab: Open, first: Target) -> AsyncIterator[Lab]:
    """The flapping target and two sound ones."""
    async with open_lab(first, SECOND, THIRD, profile=EAGER) as opened:
        yield opened


async def open_circuit(lab: Lab, mode: str) -> None:
    """Fail so often that the first target's circuit opens."""
    lab.strike(Fault("500"))
    for _ in range(OPENS_AFTER):
        result = await lab.call(mode)
        assert result.answered_by == SECOND.name
        assert result.targets[0] == lab.first.name


async def test_five_failures_in_a_row_open_the_circuit(lab: Lab, mode: str) -> None:
    """Then the target is left alone for 10 s: no call touches it, and the table says why and until when."""
    await open_circuit(lab, mode)
    row = await lab.caller.row(lab.first.name)
    assert row.state == TARGET_STATE_CIRCUIT_OPEN
    assert "5 failures in a row" in row.state_reason
    assert 8 < row.available_at.seconds - time.time() < 12
    lab.recover()
    for result in await asyncio.gather(*(lab.call(mode) for _ in range(10))):
        assert result.targets == [SECOND.name]
    assert len(lab.received(lab.first)) == OPENS_AFTER


async def test_half_of_the_last_twenty_open_the_circuit(lab: Lab, mode: str) -> None:
    """A target that fails every other time is left alone, too."""
    for number in range(20):
        lab.strike(*([Fault("500")] if number % 2 else []))
        await lab.call(mode)
    assert (await lab.caller.row(lab.first.name)).state == TARGET_STATE_CIRCUIT_OPEN


async def test_one_probe_reopens_and_closes(open_lab: Open, first: Target, mode: str) -> None:
    """When the time is over one call probes, those beside it go elsewhere; its success closes the circuit."""
    async with open_lab(first, SECOND, circuit=QUICK_CIRCUIT, profile=EAGER) as lab:
        await open_circuit(lab, mode)
        lab.strike(first_token_latency=1.0)
        await asyncio.sleep(0.6)
        assert (await lab.caller.row(first.name)).state == TARGET_STATE_HALF_OPEN
        results = await asyncio.gather(*(lab.call(mode) for _ in range(20)))
        assert sorted(result.answered_by for result in results) == sorted([first.name] + [SECOND.name] * 19)
        assert len(lab.received(first)) == OPENS_AFTER + 1
        assert (await lab.caller.row(first.name)).state == TARGET_STATE_READY
        assert (await lab.call(mode)).answered_by == first.name


async def test_the_time_doubles_while_probes_fail(open_lab: Open, first: Target, mode: str) -> None:
    """Half a second, one, two, and no longer than the most: a target that recovers serves again soon."""
    async with open_lab(first, SECOND, circuit=QUICK_CIRCUIT, profile=EAGER) as lab:
        await open_circuit(lab, mode)
        for expected in (1.0, 2.0, 2.0):
            row = await lab.caller.row(first.name)
            await asyncio.sleep(max(0.0, row.available_at.ToDatetime().timestamp() - time.time()) + 0.1)
            began = time.time()
            assert (await lab.call(mode)).targets == [first.name, SECOND.name]
            ended = time.time()
            row = await lab.caller.row(first.name)
            until = row.available_at.seconds + row.available_at.nanos / 1e9
            assert began + expected - 0.1 < until < ended + expected + 0.1
        lab.recover()
        await asyncio.sleep(2.2)
        assert (await lab.call(mode)).answered_by == first.name
        assert (await lab.caller.row(first.name)).state == TARGET_STATE_READY


async def test_with_every_circuit_open_somebody_is_asked_at_once(lab: Lab, mode: str) -> None:
    """No caller is sent away because of what happened to others: the least recently failed target goes first."""
    for target in (lab.first, SECOND, THIRD):
        lab.simulated.set_behaviour(target.backend, lab.behaviour(Fault("500")))
    for target in (SECOND, lab.first, THIRD):
        for _ in range(OPENS_AFTER):
            assert (await lab.call(mode, routed(model=target.name))).failed.reason == "UNAVAILABLE"
        assert (await lab.caller.row(target.name)).state == TARGET_STATE_CIRCUIT_OPEN
    result = await lab.call(mode)
    assert result.failed.reason == "UNAVAILABLE"
    assert result.targets == [SECOND.name, lab.first.name, THIRD.name]
    lab.simulated.reset_behaviour(SECOND.backend)
    result = await lab.call(mode)
    assert (result.answered_by, result.text) == (SECOND.name, FROM_SECOND)
    assert (await lab.caller.row(SECOND.name)).state == TARGET_STATE_READY
    assert (await lab.call(mode)).targets == [SECOND.name]


@pytest.mark.parametrize("calls", [30])
async def test_a_single_target_is_asked_while_its_circuit_is_open(open_lab: Open, first: Target, calls: int) -> None:
    """Under load, with nobody else to ask, the first answer after the recovery is given, and all that follow."""
    async with open_lab(first) as lab:
        lab.strike(Fault("500"))
        await asyncio.gather(*(lab.call(UNARY) for _ in range(calls)))
        assert all(result.failed.reason == "UNAVAILABLE" for result in lab.results)
        lab.recover()
        results = await asyncio.gather(*(lab.call(STREAM) for _ in range(calls)))
        assert {result.answered_by for result in results} == {first.name}
