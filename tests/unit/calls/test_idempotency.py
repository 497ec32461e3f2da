"""Repeats of a call that ends before its answer begins: nobody waits for what will not come."""

import asyncio
from collections.abc import AsyncGenerator

import pytest

from router_service.calls.idempotency import IdempotencySettings, IdempotentCalls
from router_service.contracts.answers import KeptAnswer
from router_service.contracts.recording import CallRecording
from router_service.domain.errors import CallFailed
from router_service.domain.events import CallEvent, TextDelta
from router_service.domain.request import PromptMessage, Request
from router_service.recording.untraced import UntracedCall
from service_common.clock import SystemClock
from service_common.vocabulary import Operation

PATIENCE = 10.0
REQUEST = Request(
    operation=Operation.COMPLETE,
    body=b"",
    messages=(PromptMessage("user", "Hi"),),
    idempotency_key="k",
    fingerprint=b"f",
)


class SlowStore:
    """A shared store that lets `asked` see each look-up, and answers none until it may."""

    def __init__(self) -> None:
        """Hold back."""
        self.asked = asyncio.Event()
        self.may_answer = asyncio.Event()
        self.broken = False

    async def find(self, key: str) -> KeptAnswer | None:
        """Nothing, in the end; or a failure that the contract rules out."""
        self.asked.set()
        await self.may_answer.wait()
        if self.broken:
            raise KeyError(key)
        return None

    async def keep(self, key: str, answer: KeptAnswer, ttl: float) -> None:
        """Keep nothing."""


async def answering(request: Request, recording: CallRecording, time_left: float | None) -> AsyncGenerator[CallEvent]:
    """A call that answers at once."""
    yield TextDelta("Hello.")


def calls(store: SlowStore | None, grace: float = 30.0) -> IdempotentCalls:
    """Repeatable calls over that store."""
    return IdempotentCalls(answering, SystemClock(), IdempotencySettings(grace=grace), store)


async def answer(repeats: IdempotentCalls) -> str:
    """What a caller with that key and no deadline of its own gets."""
    events = repeats.stream(REQUEST, UntracedCall("", ""), None)
    return "".join([event.text async for event in events if isinstance(event, TextDelta)])


def caller(repeats: IdempotentCalls) -> asyncio.Task[str]:
    """Such a caller, as a task."""
    return asyncio.create_task(answer(repeats))


async def left(task: asyncio.Task[str]) -> None:
    """The caller goes away."""
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@pytest.mark.parametrize("broken", [False, True])
async def test_callers_are_told_when_the_call_ends_before_its_earlier_answer_was_looked_for(broken: bool) -> None:
    """The router stops, or the look-up breaks down: the first caller and those who joined get an error at once."""
    store = SlowStore()
    store.broken = broken
    repeats = calls(store)
    first, joined = caller(repeats), caller(repeats)
    await store.asked.wait()
    if broken:
        store.may_answer.set()
    else:
        await repeats.close()
    for waiting in (first, joined):
        with pytest.raises(KeyError if broken else CallFailed):
            await asyncio.wait_for(waiting, PATIENCE)
    assert repeats.kept == 0


async def test_callers_are_told_when_the_call_never_began() -> None:
    """A task that is cancelled before its first step runs none of its code."""
    repeats = calls(None)
    waiting = caller(repeats)
    await asyncio.sleep(0)
    await repeats.close()
    with pytest.raises(CallFailed):
        await asyncio.wait_for(waiting, PATIENCE)
    assert repeats.kept == 0


async def test_a_repeat_of_a_call_that_was_just_given_up_begins_anew() -> None:
    """It does not join what is being cancelled."""
    store = SlowStore()
    repeats = calls(store, grace=0.0)
    first = caller(repeats)
    await store.asked.wait()
    await left(first)
    while not repeats.counts.abandoned:  # noqa: ASYNC110 - what is waited for has no event
        await asyncio.sleep(0)
    store.may_answer.set()
    async with asyncio.timeout(PATIENCE):
        assert await answer(repeats) == "Hello."  # in this task, before the other has had its turn to end
    assert repeats.counts.begun == 2
    await repeats.close()
