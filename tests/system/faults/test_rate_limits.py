"""429 in all its forms: the target is left alone by everyone for as long as it asked, and others answer."""

import asyncio
import time

import grpc
import pytest
from google.rpc.error_details_pb2 import RetryInfo

from provider_workers.simulated import Fault
from tests.support.caller import ask
from tests.support.configurations import SECOND, Target
from tests.support.fault_lab import UNARY, Lab
from tests.system.faults.conftest import Open
from trunkline.types.v1 import attempt_pb2 as attempts
from trunkline.types.v1.target_pb2 import TARGET_STATE_COOLING

WITH_A_TIME = {
    "in seconds": Fault("429", retry_after=30, rate_limit_headers=False),
    "as a date": Fault("429", retry_after=30, retry_after_format="date", rate_limit_headers=False),
    "with rate-limit headers": Fault("429", retry_after=30),
}


async def cooling_for(lab: Lab) -> float:
    """Seconds for which the table says that the first target is left alone."""
    row = await lab.caller.row(lab.first.name)
    assert row.state == TARGET_STATE_COOLING, row
    return row.available_at.seconds + row.available_at.nanos / 1e9 - time.time()


@pytest.mark.parametrize("fault", WITH_A_TIME.values(), ids=WITH_A_TIME.keys())
async def test_a_target_is_left_alone_as_long_as_it_asked(lab: Lab, mode: str, fault: Fault) -> None:
    """The next target answers at once, the table says until when, and nobody asks the first meanwhile."""
    lab.strike(fault)
    result = await lab.call(mode)
    assert (result.answered_by, result.classes) == (SECOND.name, ["RATE_LIMITED", ""])
    assert result.attempts[0].http_status == 429
    assert 28 <= result.attempts[0].retry_after.ToTimedelta().total_seconds() <= 31
    assert result.took < 2.0
    assert 27 < await cooling_for(lab) < 31
    lab.recover()
    for other in await asyncio.gather(*(lab.call(mode) for _ in range(10))):
        assert other.targets == [SECOND.name]
    assert len(lab.received(lab.first)) == 1


@pytest.mark.parametrize("headers", [True, False])
async def test_a_target_that_names_no_time_is_left_alone_too(lab: Lab, mode: str, headers: bool) -> None:
    """With rate-limit headers alone, or nothing at all: for some seconds."""
    lab.strike(Fault("429", rate_limit_headers=headers))
    assert (await lab.call(mode)).answered_by == SECOND.name
    assert await cooling_for(lab) > 2.0
    assert (await lab.call(mode)).targets == [SECOND.name]
    assert len(lab.received(lab.first)) == 1


async def test_a_short_wait_is_sat_out_on_the_same_target(open_lab: Open, first: Target, mode: str) -> None:
    """Where the profile allows it: `wait_for_retry_after` keeps the call on its target."""
    patient = {"retries_per_target": 1, "wait_for_retry_after": "3s"}
    async with open_lab(first, SECOND, attempts=patient) as lab:
        lab.strike(Fault("429", retry_after=1, times=1))
        result = await lab.call(mode)
        assert result.targets == [first.name, first.name]
        assert result.attempts[1].kind == attempts.ATTEMPT_KIND_RETRY
        assert 0.9 < result.took < 3.0
        assert result.answered_by == first.name


async def test_the_only_target_is_waited_for(open_lab: Open, first: Target, mode: str) -> None:
    """With no other target the wait is sat out inside the deadline, and the answer comes."""
    async with open_lab(first) as lab:
        lab.strike(Fault("429", retry_after=1, times=1))
        result = await lab.call(mode)
        assert (result.answered_by, result.targets) == (first.name, [first.name, first.name])
        assert 0.9 < result.took < 4.0


async def test_a_call_that_finds_its_only_target_cooling_waits(open_lab: Open, first: Target, mode: str) -> None:
    """Another caller met the limit: this one waits until the target may be asked again, and asks once."""
    async with open_lab(first) as lab:
        lab.strike(Fault("429", retry_after=2, times=1))
        met = asyncio.create_task(lab.call(mode))
        await lab.simulated.wait_for_request(first.backend, lambda request: request.outcome == "fault:429")
        await asyncio.sleep(0.1)
        result = await lab.call(mode)
        assert (result.answered_by, result.targets) == (first.name, [first.name])
        assert 0.9 < result.took < 4.0
        assert (await met).answered_by == first.name


async def test_a_wait_beyond_the_deadline_is_told(open_lab: Open, first: Target, mode: str) -> None:
    """The caller learns at once when another try makes sense, instead of waiting in vain."""
    async with open_lab(first) as lab:
        lab.strike(Fault("429", retry_after=60))
        for _ in range(2):
            result = await lab.call(mode, timeout=5.0)
            assert result.failed.code is grpc.StatusCode.RESOURCE_EXHAUSTED
            assert 55 < result.failed.detail(RetryInfo).retry_delay.seconds <= 60
            assert result.took < 1.0
        assert len(lab.received(first)) == 1


async def test_a_shorter_time_never_replaces_a_longer(open_lab: Open, first: Target) -> None:
    """An answer that was under way when the limit was met, and names a shorter time, changes nothing."""
    async with open_lab(first, SECOND) as lab:
        lab.simulated.enqueue(
            first.backend,
            lab.behaviour(Fault("429", retry_after=2), first_token_latency=0.5),
            lab.behaviour(Fault("429", retry_after=40)),
        )
        late = asyncio.create_task(lab.call(UNARY))
        await lab.simulated.wait_for_request(first.backend, lambda request: request.prompt_sha256 is not None)
        await lab.call(UNARY)
        assert (await late).classes == ["RATE_LIMITED", ""]
        assert len(lab.received(first)) == 2
        assert await cooling_for(lab) > 35


@pytest.mark.parametrize("retry_after", [None, 0])
async def test_never_more_than_two_tries_in_two_seconds(
    open_lab: Open, first: Target, mode: str, retry_after: float | None
) -> None:
    """However many retries the profile allows and however often callers call, a 429 is not hammered."""
    eager = {"retries_per_target": 5, "total": 20, "wait_for_retry_after": "5s"}
    async with open_lab(first, attempts=eager) as lab:
        lab.strike(Fault("429", retry_after=retry_after, rate_limit_headers=False))
        calls = [asyncio.create_task(lab.call(mode, ask(f"question {n}"), timeout=2.0)) for n in range(1)]
        await asyncio.gather(*calls)
        started = [request.started for request in lab.received(first)]
        assert len([at for at in started if at - started[0] <= 2.0]) <= 2
