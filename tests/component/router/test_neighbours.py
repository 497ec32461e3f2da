"""Callers side by side: a slow one, a huge one and many of them do not harm each other."""

import asyncio
import time
from itertools import pairwise

from provider_workers.simulated import Behaviour, SimulatedProviders
from router_service.dispatch.credit import CREDIT_WINDOW
from tests.component.router.conftest import Start
from tests.support.caller import Caller, Told, ask
from tests.support.configurations import FIRST, SECOND
from tests.support.router_harness import until
from trunkline.types.v1 import chat_pb2 as chat

MEBIBYTE = 1024 * 1024
LONGEST_GAP = 2.0
"""Seconds between two pieces of a neighbour; measured 0.3 s with caller, router, worker and provider in one process."""


def gaps(told: Told) -> list[float]:
    """Seconds between the pieces of a text."""
    arrived = [at for event, at in zip(told.events, told.times, strict=True) if event.text_delta]
    return [later - earlier for earlier, later in pairwise(arrived)]


async def test_a_caller_that_does_not_read_holds_up_nobody(start: Start, simulated: SimulatedProviders) -> None:
    """Its provider is paused once its credit is used up; its neighbour on the same worker gets all at once."""
    simulated.set_behaviour("openai", Behaviour(answer_text="x" * (8 * MEBIBYTE)))
    async with start(FIRST) as (router, caller):
        slow = caller.open(ask())
        first = await anext(aiter(slow))
        assert first.WhichOneof("event") == "decision"
        await until(lambda: router.in_flight == 1, "the attempt to begin")
        await asyncio.sleep(0.5)
        [held] = [attempt for session in router.router.link.sessions for attempt in session.attempts.values()]
        assert held._characters < 4 * CREDIT_WINDOW, "the router took in what its caller does not read"
        simulated.set_behaviour("openai", Behaviour(answer_tokens=200))
        began = time.monotonic()
        answer = await caller.complete(ask())
        assert answer.completed.usage.output_tokens == 200
        assert time.monotonic() - began < 1.0
        text = "".join([event.text_delta async for event in slow])
        assert len(text) == 8 * MEBIBYTE


async def test_a_slow_caller_gets_every_character(caller: Caller, simulated: SimulatedProviders) -> None:
    """Pauses of the reader are no silence of the provider, and nothing is lost or doubled."""
    whole = " ".join(str(number) for number in range(60_000))
    simulated.set_behaviour("openai", Behaviour(answer_text=whole))
    told = Told()
    async for event in caller.open(ask()):
        told.add(event)
        await asyncio.sleep(0.02)
    assert told.text == whole
    assert len(told.completed.attempts) == 1


async def test_a_huge_picture_delays_no_neighbour(start: Start, simulated: SimulatedProviders) -> None:
    """32 MiB reach the provider whole, while a neighbour's pieces and the worker's heartbeats come on time."""
    picture = chat.Message(
        role=chat.ROLE_USER,
        content=[
            chat.ContentPart(text="What is this?"),
            chat.ContentPart(image=chat.Image(data=bytes(32 * MEBIBYTE), media_type="image/png")),
        ],
    )
    async with start(FIRST, SECOND) as (router, caller):
        simulated.set_behaviour("openai", Behaviour(answer_tokens=100, tokens_per_second=25))
        neighbour = asyncio.create_task(caller.stream(ask()))
        await simulated.wait_for_request("openai", lambda request: request.tokens_sent > 5)
        simulated.set_behaviour("openai", Behaviour(answer_text="A black square."))
        answer = await caller.complete(chat.CompletionRequest(messages=[picture]))
        assert answer.text == "A black square."
        assert [attempt.target for attempt in answer.completed.attempts] == [FIRST.name]
        told = await neighbour
        assert len(told.completed.attempts) == 1
        assert not any(session.missed for session in router.router.link.sessions)
        assert max(gaps(told)) < LONGEST_GAP


async def test_many_calls_at_once_all_end(start: Start, simulated: SimulatedProviders) -> None:
    """A hundred calls over two targets: each is answered once, none are mixed up, nothing stays in flight."""
    simulated.set_behaviour("openai", Behaviour(answer_tokens=20, first_token_latency=0.05))
    simulated.set_behaviour("groq", Behaviour(answer_tokens=20, first_token_latency=0.05))
    async with start(FIRST, SECOND, default_profile="least_loaded") as (router, caller):

        async def one(number: int) -> str:
            completed = (await caller.stream(ask(f"Question {number}", request_id=str(number)))).completed
            assert len(completed.attempts) == 1
            return completed.decision_id

        ids = await asyncio.gather(*(one(number) for number in range(100)))
        assert len(set(ids)) == 100
        assert router.in_flight == 0
        assert router.boundary.active == 0
        assert len([r for r in simulated.requests() if r.prompt_sha256]) == 100
        for target in (FIRST, SECOND):
            row = await caller.row(target.name)
            assert row.in_flight == 0
            assert row.attempts > 10


async def test_in_flight_returns_to_zero_after_a_storm_of_cancels(start: Start, simulated: SimulatedProviders) -> None:
    """Half of a hundred callers leave at arbitrary moments; the others are answered, and nothing leaks."""
    for provider in ("openai", "groq"):  # slowly enough that all who leave are still waiting then
        simulated.set_behaviour(provider, Behaviour(answer_tokens=30, tokens_per_second=10))
    async with start(FIRST, SECOND, default_profile="round_robin") as (router, caller):
        calls = [asyncio.create_task(caller.stream(ask(f"Question {number}"))) for number in range(100)]
        for position, call in enumerate(calls):
            if position % 2:
                await asyncio.sleep(0.003)
                call.cancel()
        results = await asyncio.gather(*calls, return_exceptions=True)
        answered = [told for told in results if isinstance(told, Told)]
        assert len(answered) == 50
        assert all(told.completed for told in answered)
        await until(lambda: router.in_flight == 0 and router.boundary.active == 0, "everything to settle", 5.0)
        assert {request.outcome for request in simulated.requests() if request.prompt_sha256} <= {
            "completed",
            "client_closed",
        }
        for worker in router.workers.values():
            assert worker.attempts.in_flight == 0
