"""Who goes away stops everything, down to the provider's socket; who sets a deadline has it kept there."""

import asyncio
import time

import grpc
import pytest

from provider_workers.simulated import Behaviour, Fault, SimulatedProviders
from provider_workers.simulated.recorder import RecordedRequest
from router_service.domain.events import Completed
from router_service.recording.untraced import UntracedCall
from router_service.server.requests import completion_request
from tests.component.router.conftest import Start
from tests.support.caller import Caller, ask, failure_of, routed
from tests.support.configurations import FIRST, LOCAL, SECOND, Target
from tests.support.router_harness import until
from trunkline.router.v1 import router_service_pb2 as pb
from trunkline.types.v1 import attempt_pb2 as attempts
from trunkline.types.v1 import chat_pb2 as chat

CANCEL_BOUND = 0.25
"""Seconds from the caller's cancel to the provider's notice; measured 1 to 5 ms, and up to 95 on a busy machine."""

SLOW = Behaviour(answer_tokens=400, tokens_per_second=40)


def closed(request: RecordedRequest) -> bool:
    """Whether the provider saw its caller leave."""
    return request.outcome == "client_closed"


@pytest.mark.parametrize("first", [FIRST, LOCAL], ids=["openai", "ollama"])
@pytest.mark.parametrize(
    "behaviour",
    [
        pytest.param(SLOW, id="in the answer"),
        pytest.param(Behaviour(faults=(Fault("silent_before_headers"),)), id="before the headers"),
        pytest.param(Behaviour(faults=(Fault("silent_before_first_token"),)), id="before the first token"),
        pytest.param(Behaviour(faults=(Fault("stall", after_tokens=3),)), id="in a stall"),
    ],
)
async def test_a_cancelled_stream_closes_the_providers_socket(
    start: Start, simulated: SimulatedProviders, first: Target, behaviour: Behaviour
) -> None:
    """At once, at any point of the answer; nothing else is tried and nothing stays in flight."""
    async with start(first, SECOND) as (router, caller):
        simulated.set_behaviour(first.backend, behaviour)
        call = caller.open(ask())
        async for event in call:
            if event.WhichOneof("event") == "attempt_started":
                break
        await simulated.wait_for_request(first.backend, lambda request: request.prompt_sha256 is not None)
        await asyncio.sleep(0.1)
        left_at = time.time()
        call.cancel()
        request = await simulated.wait_for_request(first.backend, closed)
        assert request.ended is not None
        assert request.ended - left_at < CANCEL_BOUND
        await until(lambda: router.in_flight == 0 and router.boundary.active == 0, "everything to settle", 2.0)
        assert simulated.requests(SECOND.backend) == []
        row = await caller.row(first.name)
        assert (row.attempts, row.in_flight) == (1, 0)
        assert row.success_rate == 1.0, "the caller's leaving is not the target's failure"


async def test_a_cancelled_unary_call_closes_the_providers_socket(
    caller: Caller, simulated: SimulatedProviders
) -> None:
    """`Complete` is a stream inside: it stops as one."""
    simulated.set_behaviour("openai", SLOW)
    call = asyncio.create_task(caller.complete(ask()))
    await simulated.wait_for_request("openai", lambda request: request.tokens_sent > 2)
    call.cancel()
    left_at = time.time()
    request = await simulated.wait_for_request("openai", closed)
    assert request.ended is not None
    assert request.ended - left_at < CANCEL_BOUND


async def test_a_client_that_vanishes_stops_its_call(start: Start, simulated: SimulatedProviders) -> None:
    """A broken connection is a cancel, too."""
    async with start() as (router, caller):
        simulated.set_behaviour("openai", SLOW)
        call = caller.open(ask())
        await anext(aiter(call))
        await simulated.wait_for_request("openai", lambda request: request.tokens_sent > 2)
        await caller.channel.close()
        await simulated.wait_for_request("openai", closed, timeout=2.0)
        await until(lambda: router.in_flight == 0 and router.boundary.active == 0, "everything to settle", 2.0)


async def test_a_client_that_vanishes_while_it_is_written_to_is_no_mishap(
    start: Start, simulated: SimulatedProviders, caplog: pytest.LogCaptureFixture
) -> None:
    """The router waits for a slow reader who then disconnects: a cancelled call, nothing in the log."""
    async with start() as (router, caller):
        simulated.set_behaviour("openai", Behaviour(answer_text="x" * 4_000_000))
        call = caller.open(ask())
        await anext(aiter(call))
        await until(lambda: router.in_flight == 1, "the attempt to begin")
        await asyncio.sleep(0.3)
        await caller.channel.close()
        await until(lambda: router.in_flight == 0 and router.boundary.active == 0, "everything to settle", 2.0)
        await asyncio.sleep(0.1)
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == []


async def test_the_callers_deadline_reaches_the_provider(start: Start, simulated: SimulatedProviders) -> None:
    """When it passes, the caller learns what was tried, and the provider's socket is closed at that moment."""
    async with start(FIRST, SECOND) as (router, caller):
        simulated.set_behaviour("openai", SLOW)
        told_at = time.time()
        failure = await caller.failed_stream(routed(), timeout=4.0)
        took = time.time() - told_at
        assert failure.code is grpc.StatusCode.DEADLINE_EXCEEDED
        assert failure.reason == "DEADLINE_PASSED"
        assert 3.8 < took < 4.2
        [attempt] = failure.error.attempts
        assert attempt.target == FIRST.name
        assert attempt.failure_class in (attempts.FAILURE_CLASS_TIMEOUT_TOTAL, attempts.FAILURE_CLASS_CANCELLED)
        request = await simulated.wait_for_request("openai", closed)
        assert request.ended is not None
        assert request.ended - told_at < 4.0 + CANCEL_BOUND
        await until(lambda: router.in_flight == 0, "the attempt to settle", 2.0)


async def test_half_of_the_time_is_left_for_the_next(caller: Caller, simulated: SimulatedProviders) -> None:
    """A silent first target does not use up the caller's deadline: the second still answers within it."""
    simulated.set_behaviour("openai", Behaviour(faults=(Fault("silent_before_headers"),)))
    answer = await caller.complete(ask(), timeout=6.0)
    assert answer.completed.target == SECOND.name
    assert answer.completed.latency.ToTimedelta().total_seconds() < 4.0
    assert answer.completed.attempts[0].failure_class == attempts.FAILURE_CLASS_TIMEOUT_FIRST_TOKEN
    await simulated.wait_for_request("openai", closed)


async def test_the_profiles_deadline_applies_where_the_caller_has_none(
    start: Start, simulated: SimulatedProviders
) -> None:
    """A call without a deadline ends all the same."""
    async with start(attempts={"default_deadline": "4s"}) as (_, caller):
        simulated.set_behaviour("openai", SLOW)
        began = time.monotonic()
        failure = await failure_of(caller.router.Complete(pb.CompleteRequest(completion=ask())))
        assert failure.code is grpc.StatusCode.DEADLINE_EXCEEDED
        assert 3.8 < time.monotonic() - began < 4.5


@pytest.mark.parametrize("fault", [Fault("cut", after_tokens=3), Fault("500"), None], ids=["cut", "500", "none"])
async def test_a_caller_may_leave_at_any_event(
    start: Start, simulated: SimulatedProviders, fault: Fault | None
) -> None:
    """Also between an attempt's end and what follows of it: whatever still runs is stopped, and nothing breaks."""
    async with start(FIRST, SECOND) as (router, _):
        if fault is not None:
            simulated.set_behaviour(FIRST.backend, Behaviour(faults=(fault,)))
        completion = routed(stream_recovery=chat.STREAM_RECOVERY_RESET)
        body = pb.StreamCompleteRequest(completion=completion).SerializeToString()
        read, last = 0, False
        while not last:
            read += 1
            events = router.router.calls.stream(completion_request(completion, body), UntracedCall("", ""), None)
            for _ in range(read):
                last = isinstance(await anext(events), Completed)
                if last:
                    break
            await events.aclose()
            await until(lambda: router.in_flight == 0, "everything to settle")
        assert read > 3
