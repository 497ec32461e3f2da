"""A call that outlives its caller: every reader gets the same answer, whenever it comes."""

import asyncio
from collections.abc import AsyncGenerator, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router_service.calls.kept_call import MOST_AHEAD, KeptCall, joined
from router_service.domain.attempt import Usage
from router_service.domain.errors import CallFailed, DeadlinePassed
from router_service.domain.events import CallEvent, ReasoningDelta, StreamReset, TextDelta, ToolCallDelta, UsageReported
from service_common.clock import SystemClock
from service_common.deadline import Deadline

EVENTS = st.lists(
    st.one_of(
        st.builds(TextDelta, st.text(max_size=4)),
        st.builds(ReasoningDelta, st.text(max_size=4)),
        st.builds(ToolCallDelta, st.integers(0, 1), st.just("id"), st.just("tool"), st.text(max_size=3)),
        st.just(UsageReported(Usage(1, 1))),
        st.just(StreamReset(True, "a/m", 0)),
        st.just(StreamReset(False, "a/m", 0)),
    ),
    max_size=30,
)


def shown(events: Sequence[CallEvent]) -> tuple[str, str, str]:
    """What a caller that follows resets has in the end: text, reasoning, tool arguments."""
    text = reasoning = arguments = ""
    for event in events:
        match event:
            case TextDelta(piece):
                text += piece
            case ReasoningDelta(piece):
                reasoning += piece
            case ToolCallDelta():
                arguments += event.arguments_json
            case StreamReset(restart=True):
                text = reasoning = arguments = ""
            case _:
                pass
    return text, reasoning, arguments


def kept(idle: list[KeptCall] | None = None) -> KeptCall:
    """A call that nobody carries out yet."""
    return KeptCall(b"fingerprint", SystemClock(), (idle if idle is not None else []).append)


async def told(events: Sequence[CallEvent], error: Exception | None = None) -> AsyncGenerator[CallEvent, None]:
    """The events, a turn of the loop apart."""
    for event in events:
        await asyncio.sleep(0)
        yield event
    if error is not None:
        raise error


async def followed(call: KeptCall, *, may_reset: bool = True) -> list[CallEvent]:
    """All that one reader gets."""
    return [event async for event in call.follow(None, may_reset=may_reset)]


@given(events=EVENTS)
def test_joining_events_changes_no_answer(events: list[CallEvent]) -> None:
    """Fewer events, the same text; a latecomer sees no restart, so it needs to know of none."""
    after = joined(events)
    assert shown(after) == shown(events)
    assert not any(isinstance(event, StreamReset) and event.restart for event in after)
    assert len(after) <= len(events)


@settings(max_examples=50, deadline=None)
@given(events=EVENTS, arrivals=st.lists(st.integers(0, 60), max_size=5))
def test_every_reader_gets_the_same_answer(events: list[CallEvent], arrivals: list[int]) -> None:
    """Whenever they come: before the first event, in the middle, or after the last."""

    async def scenario() -> None:
        call = kept()
        running = asyncio.create_task(call.carry_out(told(events)))

        async def reader(turns: int) -> list[CallEvent]:
            for _ in range(turns):
                await asyncio.sleep(0)
            return await followed(call)

        read = await asyncio.gather(*(reader(turns) for turns in arrivals))
        await running
        assert all(shown(one) == shown(events) for one in read)
        assert call.readers == 0
        assert call.whole

    asyncio.run(scenario())


async def test_every_reader_gets_the_error() -> None:
    """Those that read along after what was shown, and those that come later at once."""
    call = kept()
    running = asyncio.create_task(call.carry_out(told([TextDelta("half")], CallFailed("broken"))))
    for _ in range(2):
        with pytest.raises(CallFailed, match="broken"):
            await followed(call)
    await running
    assert not call.whole


async def test_a_slow_reader_slows_the_call_but_nobody_reading_does_not() -> None:
    """Memory is bounded by the reader's pace; a call that outlived its caller goes on by itself."""
    idle: list[KeptCall] = []
    call = kept(idle)
    running = asyncio.create_task(call.carry_out(told([TextDelta("x")] * (MOST_AHEAD * 3))))
    reading = call.follow(None, may_reset=False)
    await anext(reading)
    for _ in range(MOST_AHEAD * 4):
        await asyncio.sleep(0)
    assert len(call.events) <= MOST_AHEAD + 2
    assert not running.done()
    await reading.aclose()
    assert idle == [call]
    await running
    assert len(call.events) == 1


async def test_a_readers_deadline_is_its_own() -> None:
    """It is told so; the call goes on."""
    call = kept()
    endless = asyncio.Event()

    async def silent() -> AsyncGenerator[CallEvent, None]:
        await endless.wait()
        yield TextDelta("late")

    running = asyncio.create_task(call.carry_out(silent()))
    with pytest.raises(DeadlinePassed, match="joined"):
        async for _ in call.follow(Deadline.after(SystemClock(), 0.02), may_reset=False):
            pass
    endless.set()
    await running
    assert shown(call.events)[0] == "late"
