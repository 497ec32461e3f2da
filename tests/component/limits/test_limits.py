"""Limits and the waiting room over real gRPC: a limit falls back, a burst waits in order, and nobody is forgotten."""

import asyncio
import time
from functools import partial

import grpc
from google.rpc.error_details_pb2 import QuotaFailure, RetryInfo

from provider_workers.simulated import Behaviour, Fault, SimulatedProviders
from tests.component.router.conftest import Start, sent
from tests.support.caller import ask, failure_of, routed
from tests.support.configurations import FIRST, SECOND, Target
from tests.support.router_harness import RunningRouter, until
from trunkline.types.v1 import chat_pb2 as chat

ONE_AT_A_TIME = Target(FIRST.backend, FIRST.model, section={"limits": {"concurrency": 1}})


def _waiting(router: RunningRouter, number: int) -> bool:
    return router.router.room.waiting == number


async def test_a_limit_falls_back_without_costing_an_attempt(start: Start, simulated: SimulatedProviders) -> None:
    """The third call of the minute goes to the next target at once; its log has one attempt."""
    limited = Target(FIRST.backend, FIRST.model, section={"limits": {"requests_per_minute": 2}})
    async with start(limited, SECOND) as (_, caller):
        answers = [await caller.complete(ask()) for _ in range(3)]
        assert [answer.completed.target for answer in answers] == [FIRST.name, FIRST.name, SECOND.name]
        assert [attempt.target for attempt in answers[2].completed.attempts] == [SECOND.name]
        assert len(sent(simulated, "openai")) == 2


async def test_a_limit_of_every_target_is_told_with_the_time_to_come_again(start: Start) -> None:
    """RESOURCE_EXHAUSTED with RetryInfo and QuotaFailure, and which limit it was."""
    limited = Target(FIRST.backend, FIRST.model, model_section={"limits": {"tokens_per_minute": 10}})
    async with start(limited, waiting={"queue_timeout": "100ms"}) as (_, caller):
        await caller.complete(ask())
        failure = await failure_of(caller.complete(ask()))
        assert (failure.code, failure.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "EXHAUSTED")
        assert "10 tokens per minute of openai/gpt-4o" in failure.message
        assert 1 <= failure.detail(RetryInfo).retry_delay.ToTimedelta().total_seconds() <= 120
        assert failure.detail(QuotaFailure).violations


async def test_a_burst_waits_and_is_answered_whole(start: Start, simulated: SimulatedProviders) -> None:
    """Thirty calls at once on one slot: each is answered, one at a time, and nothing is left behind."""
    async with start(ONE_AT_A_TIME) as (router, caller):
        answers = await asyncio.gather(*(caller.complete(ask(f"question {n}")) for n in range(30)))
        assert all(f"question {n}" in answer.text for n, answer in enumerate(answers))
        assert sent(simulated, "openai") == ["completed"] * 30
        room = router.router.room
        assert (room.waiting, room.counts.waited, room.counts.refused) == (0, 29, 0)
        assert router.in_flight == 0


async def test_a_burst_beyond_the_room_is_refused_at_once(start: Start, simulated: SimulatedProviders) -> None:
    """What may wait waits; the others are told within milliseconds."""
    simulated.set_behaviour("openai", Behaviour(first_token_latency=0.5, answer_tokens=1))
    async with start(ONE_AT_A_TIME, waiting={"length": 2}) as (router, caller):
        first = asyncio.create_task(caller.complete(ask()))
        await until(lambda: router.in_flight == 1, "the slot to be taken")
        waiting = [asyncio.create_task(caller.complete(ask())) for _ in range(2)]
        await until(lambda: router.router.room.waiting == 2, "the room to be full")
        began = time.monotonic()
        failure = await failure_of(caller.complete(ask()))
        assert time.monotonic() - began < 0.3
        assert "2 calls wait already" in failure.message
        assert failure.detail(RetryInfo).retry_delay.ToTimedelta().total_seconds() >= 1
        assert [a.completed.target for a in await asyncio.gather(first, *waiting)] == [FIRST.name] * 3


async def test_who_waits_goes_by_priority(start: Start, simulated: SimulatedProviders) -> None:
    """The urgent call came last and is served next."""
    simulated.set_behaviour("openai", Behaviour(first_token_latency=0.2, answer_tokens=1))
    async with start(ONE_AT_A_TIME) as (router, caller):
        order: list[str] = []

        async def call(name: str, priority: int) -> None:
            await caller.complete(ask(routing=chat.RoutingOptions(priority=priority)))
            order.append(name)

        calls = [asyncio.create_task(call("running", 0))]
        await until(lambda: router.in_flight == 1, "the slot to be taken")
        for position, (name, priority) in enumerate((("low", -1), ("plain", 0), ("urgent", 5)), start=1):
            calls.append(asyncio.create_task(call(name, priority)))
            await until(partial(_waiting, router, position), f"{name} to wait")
        await asyncio.gather(*calls)
        assert order == ["running", "urgent", "plain", "low"]


async def test_a_caller_that_leaves_the_room_leaves_nothing_behind(start: Start, simulated: SimulatedProviders) -> None:
    """Cancelled while it waits: no attempt, no seat; the one behind it is served."""
    simulated.set_behaviour("openai", Behaviour(first_token_latency=1.0, answer_tokens=1))
    async with start(ONE_AT_A_TIME) as (router, caller):
        first = asyncio.create_task(caller.complete(ask()))
        await until(lambda: router.in_flight == 1, "the slot to be taken")
        leaving = caller.open(ask("I leave"))
        reading = asyncio.create_task(leaving.read())
        await until(lambda: router.router.room.waiting == 1, "it to wait")
        staying = asyncio.create_task(caller.complete(ask("I stay")))
        await until(lambda: router.router.room.waiting == 2, "the other to wait")
        leaving.cancel()
        await asyncio.gather(reading, return_exceptions=True)
        await until(lambda: router.router.room.waiting <= 1, "its seat to be free")
        await asyncio.gather(first, staying)
        assert len(sent(simulated, "openai")) == 2
        assert router.router.room.waiting == 0


async def test_a_call_that_waited_is_decided_anew(start: Start, simulated: SimulatedProviders) -> None:
    """Another target comes while it waits: the answer comes from there, with that decision, and at once."""
    simulated.set_behaviour("openai", Behaviour(first_token_latency=3.0, answer_tokens=1))
    async with start(ONE_AT_A_TIME, SECOND, workers=False) as (router, caller), router.worker("openai"):
        first = caller.open(ask())
        await until(lambda: router.in_flight == 1, "the slot to be taken")
        waiting = [asyncio.create_task(caller.stream(ask())) for _ in range(3)]
        await until(lambda: router.router.room.waiting == 3, "the calls to wait")
        async with router.worker("groq"):
            for told in await asyncio.wait_for(asyncio.gather(*waiting), 2):
                assert told.kinds[:2] == ["decision", "attempt_started"]
                assert told.all("decision")[0].plan == [SECOND.name, FIRST.name]
                assert told.completed.target == SECOND.name
        first.cancel()


async def test_a_call_whose_target_has_gone_is_told_so(start: Start, simulated: SimulatedProviders) -> None:
    """It does not wait for a slot of a worker that is not there any more."""
    simulated.set_behaviour("openai", Behaviour(first_token_latency=3.0, answer_tokens=1))
    async with start(ONE_AT_A_TIME, workers=False) as (router, caller):
        async with router.worker("openai"):
            first = asyncio.create_task(failure_of(caller.complete(ask())))
            await until(lambda: router.in_flight == 1, "the slot to be taken")
            waiting = [asyncio.create_task(failure_of(caller.complete(ask()))) for _ in range(3)]
            await until(lambda: router.router.room.waiting == 3, "the calls to wait")
        for failure in await asyncio.wait_for(asyncio.gather(*waiting), 2):
            assert (failure.code, failure.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "NO_TARGET")
        await first


async def test_a_busy_fallback_is_waited_for(start: Start, simulated: SimulatedProviders) -> None:
    """The first target failed and the second has no slot at that moment: the call gets its answer all the same."""
    busy = Target(SECOND.backend, SECOND.model, section={"limits": {"concurrency": 1}})
    simulated.set_behaviour("groq", Behaviour(first_token_latency=0.5, answer_tokens=1))
    async with start(FIRST, busy) as (router, caller):
        holding = asyncio.create_task(caller.complete(routed(model=SECOND.name)))
        await until(lambda: router.in_flight == 1, "the slot to be taken")
        simulated.set_behaviour("openai", Behaviour(faults=(Fault("500"),)))
        answer = await caller.complete(ask())
        assert answer.completed.target == SECOND.name
        await holding


async def test_a_provider_that_has_nothing_left_is_passed_over(start: Start, simulated: SimulatedProviders) -> None:
    """By its own headers: the next call goes elsewhere at once, and the provider never has to refuse one."""
    simulated.set_behaviour("openai", Behaviour(requests_per_minute=3))
    async with start(FIRST, SECOND) as (router, caller):
        for _ in range(3):
            await caller.complete(ask())
        rows = router.router.table
        await until(lambda: rows.snapshot().targets[FIRST.name].state.label == "cooling", "the target to be left alone")
        assert "by its own headers" in rows.snapshot().targets[FIRST.name].state_reason
        answer = await caller.complete(ask())
        assert answer.completed.target == SECOND.name
        assert set(sent(simulated, "openai")) == {"completed"}
