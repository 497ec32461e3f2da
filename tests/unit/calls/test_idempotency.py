"""Repeats of a call that ends before its answer begins: nobody waits for what will not come."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import suppress
from typing import Any

import pytest
from msgspec.structs import replace

from router_service.calls.idempotency import IdempotentCalls
from router_service.contracts.answers import KeptAnswer
from router_service.contracts.recording import CallRecording
from router_service.domain.errors import CallFailed, DeadlinePassed
from router_service.domain.events import CallEvent, StreamReset, TextDelta
from router_service.domain.request import PromptMessage, Request, RoutingOptions
from router_service.recording.untraced import UntracedCall
from service_common.clock import SystemClock
from service_common.vocabulary import Operation, StreamRecovery
from tests.support.settings import idempotency_settings

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
    return IdempotentCalls(answering, SystemClock(), idempotency_settings(grace=grace), store)


async def answer(repeats: IdempotentCalls) -> str:
    """What a caller with that key and no deadline of its own gets."""
    events = repeats.stream(REQUEST, UntracedCall("", ""), None)
    return "".join([event.text async for event in events if isinstance(event, TextDelta)])


def caller(repeats: IdempotentCalls) -> asyncio.Task[str]:
    """Such a caller, as a task."""
    return asyncio.create_task(answer(repeats))


async def left(task: asyncio.Task[Any]) -> None:
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


async def test_a_call_that_does_not_end_holds_up_no_end(caplog: pytest.LogCaptureFixture) -> None:
    """It is waited for a short time only, and told."""
    began, may_end = asyncio.Event(), asyncio.Event()

    async def deaf(request: Request, recording: CallRecording, time_left: float | None) -> AsyncGenerator[CallEvent]:
        began.set()
        while not may_end.is_set():
            with suppress(asyncio.CancelledError):
                await may_end.wait()
        yield TextDelta("Hello.")

    repeats = IdempotentCalls(deaf, SystemClock(), idempotency_settings())
    first = caller(repeats)
    await began.wait()
    await asyncio.wait_for(repeats.close(), PATIENCE)
    assert "1 call" in caplog.text
    may_end.set()
    await asyncio.wait_for(first, PATIENCE)


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


class DeadlineFirst:
    """Calls of which the first ends with its caller's deadline, when told, and each later one answers."""

    def __init__(self, *, shows: bool) -> None:
        """`shows`: the first shows text before."""
        self.shows = shows
        self.began = asyncio.Event()
        self.passes = asyncio.Event()
        self.times: list[float | None] = []

    async def stream(
        self, request: Request, recording: CallRecording, time_left: float | None
    ) -> AsyncGenerator[CallEvent, None]:
        """One call."""
        self.times.append(time_left)
        if len(self.times) == 1:
            if self.shows:
                yield TextDelta("Hel")
            self.began.set()
            await self.passes.wait()
            raise DeadlinePassed("the deadline passed before an answer was whole")
        yield TextDelta("Hello.")


def followed(repeats: IdempotentCalls, recovery: StreamRecovery, time_left: float) -> asyncio.Task[list[CallEvent]]:
    """A caller with a deadline, as a task that gives its events."""

    async def follow() -> list[CallEvent]:
        request = replace(REQUEST, options=RoutingOptions(stream_recovery=recovery))
        return [event async for event in repeats.stream(request, UntracedCall("", ""), time_left)]

    return asyncio.create_task(follow())


@pytest.mark.parametrize("shows", [False, True])
@pytest.mark.parametrize("recovery", [StreamRecovery.FAIL, StreamRecovery.RESET])
async def test_the_first_callers_deadline_is_not_that_of_who_joined(shows: bool, recovery: StreamRecovery) -> None:
    """Who has time left begins anew, with a reset where text was shown; who may not be reset is told to."""
    calls_made = DeadlineFirst(shows=shows)
    repeats = IdempotentCalls(calls_made.stream, SystemClock(), idempotency_settings())
    first = followed(repeats, recovery, 0.5)
    await calls_made.began.wait()
    joined = [followed(repeats, recovery, 300.0) for _ in range(2)]
    while repeats.counts.joined < 2:  # noqa: ASYNC110 - what is waited for has no event
        await asyncio.sleep(0)
    calls_made.passes.set()
    with pytest.raises(DeadlinePassed):
        await first
    for told in joined:
        if shows and recovery is StreamRecovery.FAIL:
            with pytest.raises(CallFailed, match="send the call again"):
                await told
        else:
            reset = [TextDelta("Hel"), StreamReset(True, "", 0)] if shows else []
            assert await asyncio.wait_for(told, PATIENCE) == [*reset, TextDelta("Hello.")]
    if not (shows and recovery is StreamRecovery.FAIL):
        assert len(calls_made.times) == 2  # the second to join joins the call that the first began anew
        assert 200 < (calls_made.times[1] or 0) <= 300
    await repeats.close()


async def test_a_deadline_of_ones_own_ends_ones_own_wait() -> None:
    """The call goes on for the others; nothing is begun anew."""
    calls_made = DeadlineFirst(shows=False)
    repeats = IdempotentCalls(calls_made.stream, SystemClock(), idempotency_settings())
    first = followed(repeats, StreamRecovery.FAIL, 300.0)
    await calls_made.began.wait()
    with pytest.raises(DeadlinePassed, match="that was joined"):
        await followed(repeats, StreamRecovery.FAIL, 0.0)
    assert (len(calls_made.times), first.done()) == (1, False)
    await left(first)
    await repeats.close()
