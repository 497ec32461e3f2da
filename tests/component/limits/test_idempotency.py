"""Repeated calls over real gRPC: one key is one call, whoever asks and however often."""

import asyncio
from contextlib import suppress

import grpc

from provider_workers.simulated import Behaviour, Fault, SimulatedProviders
from tests.component.router.conftest import Start, sent
from tests.support.caller import Told, ask, failure_of
from tests.support.configurations import FIRST, SECOND
from tests.support.router_harness import until

PACED = Behaviour(tokens_per_second=40, answer_tokens=24)


async def test_a_repeat_gets_the_answer_without_another_request(start: Start, simulated: SimulatedProviders) -> None:
    """Complete and StreamComplete, in either order, get the same answer of one attempt."""
    async with start(FIRST) as (router, caller):
        first = await caller.complete(ask(idempotency_key="k1"))
        again = await caller.complete(ask(idempotency_key="k1", request_id="another try"))
        streamed = await caller.stream(ask(idempotency_key="k1"))
        assert first.text == again.text == streamed.text != ""
        assert streamed.kinds[0] == "decision"
        assert first.completed.decision_id == again.completed.decision_id == streamed.completed.decision_id
        assert sent(simulated, "openai") == ["completed"]
        other = await caller.stream(ask(idempotency_key="k2"))
        assert (await caller.complete(ask(idempotency_key="k2"))).text == other.text
        assert len(sent(simulated, "openai")) == 2
        assert router.router.repeats.counts.replayed == 3


async def test_a_repeat_joins_the_running_call_from_its_beginning(start: Start, simulated: SimulatedProviders) -> None:
    """Both read the same stream to its end; the late one misses nothing."""
    simulated.set_behaviour("openai", PACED)
    async with start(FIRST) as (_, caller):
        told = Told()
        first = asyncio.create_task(caller.stream(ask(idempotency_key="k"), told=told))
        await until(lambda: "text_delta" in told.kinds, "the first text")
        streamed, collected = await asyncio.gather(
            caller.stream(ask(idempotency_key="k")), caller.complete(ask(idempotency_key="k"))
        )
        await first
        assert told.text == streamed.text == collected.text
        assert sent(simulated, "openai") == ["completed"]


async def test_another_request_under_the_same_key_is_refused(start: Start, simulated: SimulatedProviders) -> None:
    """Neither answered wrongly nor done twice: ALREADY_EXISTS with the reason."""
    async with start(FIRST) as (_, caller):
        await caller.complete(ask("What is a bridge?", idempotency_key="k"))
        failure = await failure_of(caller.complete(ask("What is a tunnel?", idempotency_key="k")))
        assert (failure.code, failure.reason) == (grpc.StatusCode.ALREADY_EXISTS, "IDEMPOTENCY_KEY_REUSED")
        assert "another request" in failure.message
        assert sent(simulated, "openai") == ["completed"]


async def test_a_call_goes_on_for_its_grace_when_its_caller_vanishes(
    start: Start, simulated: SimulatedProviders
) -> None:
    """The repeat finds it; nothing was cancelled at the provider."""
    simulated.set_behaviour("openai", PACED)
    async with start(FIRST) as (router, caller):
        leaving = caller.open(ask(idempotency_key="k"))
        await anext(aiter(leaving))
        await until(lambda: router.in_flight == 1, "the attempt to start")
        leaving.cancel()
        await asyncio.sleep(0.1)
        answer = await caller.complete(ask(idempotency_key="k"))
        assert answer.text
        assert sent(simulated, "openai") == ["completed"]


async def test_a_call_that_nobody_comes_back_for_is_cancelled(start: Start, simulated: SimulatedProviders) -> None:
    """After the grace the provider's socket is closed, and a later repeat begins anew."""
    simulated.set_behaviour("openai", Behaviour(first_token_latency=5.0))
    async with start(FIRST, idempotency={"grace": "200ms"}) as (router, caller):
        leaving = caller.open(ask(idempotency_key="k"))
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(anext(aiter(leaving)), 0.2)
        leaving.cancel()
        await until(lambda: sent(simulated, "openai") == ["client_closed"], "the provider's socket to be closed")
        await until(lambda: router.in_flight == 0 and router.router.repeats.kept == 0, "everything to be let go")
        assert router.router.repeats.counts.abandoned == 1
        simulated.set_behaviour("openai", Behaviour())
        assert (await caller.complete(ask(idempotency_key="k"))).text


async def test_a_failed_call_may_be_repeated(start: Start, simulated: SimulatedProviders) -> None:
    """Only answers are kept: a repeat after a failure begins anew; who waited with it gets its error."""
    simulated.set_behaviour("openai", Behaviour(first_token_latency=0.2, faults=(Fault("500", times=1),)))
    async with start(FIRST) as (_, caller):
        failed = await asyncio.gather(
            *(failure_of(caller.complete(ask(idempotency_key="k"))) for _ in range(2)),
        )
        assert {failure.code for failure in failed} == {grpc.StatusCode.UNAVAILABLE}
        assert all(len(failure.error.attempts) == 1 for failure in failed)
        assert (await caller.complete(ask(idempotency_key="k"))).text


async def test_who_knows_no_resets_does_not_get_two_answers_joined(start: Start, simulated: SimulatedProviders) -> None:
    """A collected call falls back in the middle; a stream that joined it and was shown text fails instead."""
    simulated.set_behaviour(
        "openai", Behaviour(tokens_per_second=20, answer_tokens=20, faults=(Fault("cut", after_tokens=8),))
    )
    async with start(FIRST, SECOND) as (router, caller):
        collecting = asyncio.create_task(caller.complete(ask(idempotency_key="k")))
        await until(lambda: router.in_flight == 1, "the attempt to start")
        await asyncio.sleep(0.15)
        joined = await caller.failed_stream(ask(idempotency_key="k"))
        assert "began anew" in joined.message
        answer = await collecting
        assert answer.completed.target == SECOND.name
        assert (await caller.stream(ask(idempotency_key="k"))).text == answer.text


async def test_a_deadline_of_a_joining_caller_is_its_own(start: Start, simulated: SimulatedProviders) -> None:
    """It leaves in time; the call that it joined goes on."""
    simulated.set_behaviour("openai", Behaviour(first_token_latency=0.8, answer_tokens=3))
    async with start(FIRST) as (router, caller):
        patient = asyncio.create_task(caller.complete(ask(idempotency_key="k")))
        await until(lambda: router.in_flight == 1, "the attempt to start")
        failure = await failure_of(caller.complete(ask(idempotency_key="k"), timeout=0.2))
        assert failure.code is grpc.StatusCode.DEADLINE_EXCEEDED
        assert (await patient).text


async def test_what_is_kept_is_bounded(start: Start) -> None:
    """The oldest answers are forgotten first, by number and by age."""
    async with start(FIRST, idempotency={"entries": 3, "ttl": "600ms"}) as (router, caller):
        answers = [(await caller.complete(ask(idempotency_key=str(n)))).completed.decision_id for n in range(5)]
        assert router.router.repeats.kept == 3
        again = [(await caller.complete(ask(idempotency_key=str(n)))).completed.decision_id for n in (4, 0)]
        assert again[0] == answers[4]
        assert again[1] != answers[0]
        await asyncio.sleep(0.7)
        assert (await caller.complete(ask(idempotency_key="4"))).completed.decision_id != answers[4]
