"""Pieces of an answer that its caller takes whole travel together; those that a caller awaits travel at once."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provider_workers.attempt import RunningAttempt
from provider_workers.backends.base import (
    Finish,
    Piece,
    ProviderFailure,
    Reasoning,
    Responded,
    Text,
    TokenUsage,
    ToolDelta,
    Work,
)
from provider_workers.held_pieces import LONGEST_HOLD, MOST_HELD, HeldPieces
from provider_workers.orders import Answered, Failed, Order, Report
from service_common.failures import FailureClass
from service_common.vocabulary import Operation, Sensitivity
from tests.support.attempts import PATIENCE, STOP, Told
from tests.support.backends import TwoModels
from tests.support.fakes import FakeClock

SOON = LONGEST_HOLD / 10
pieces = st.one_of(
    st.text(max_size=5).map(Text),
    st.text(max_size=5).map(Reasoning),
    st.text(max_size=5).map(lambda text: ToolDelta(0, arguments_json=text)),
    st.just(TokenUsage(1, 2)),
    st.just(Responded(200)),
)


class Spoken(TwoModels):
    """Says a piece, then lets time pass, and fails in the end if it is told to."""

    def __init__(self, clock: FakeClock, said: Sequence[tuple[Piece, float]], failure: ProviderFailure | None) -> None:
        """`said`: pieces, and the seconds after each."""
        super().__init__()
        self._clock = clock
        self._said = said
        self._failure = failure

    async def complete(self, work: Work) -> AsyncIterator[Sequence[Piece]]:
        """One piece a read."""
        for piece, seconds in self._said:
            yield (piece,)
            self._clock.advance(seconds)
        if self._failure is not None:
            raise self._failure


async def told(
    *said: tuple[Piece, float], whole: bool = True, credit: int = 1 << 20, failure: ProviderFailure | None = None
) -> tuple[list[Report], Answered | Failed]:
    """What a router hears, and how the attempt ended."""
    order = Order(
        1, Operation.COMPLETE, "here", b"", 0, PATIENCE, PATIENCE, PATIENCE, credit, Sensitivity.INTERNAL, whole=whole
    )
    clock, sink, ends = FakeClock(), Told(0), []
    attempt = RunningAttempt(order, sink, Spoken(clock, said, failure), clock, lambda _, end: ends.append(end))
    await asyncio.wait_for(attempt.start(), PATIENCE)
    [end] = ends
    return sink.reports, end


def words(count: int) -> list[tuple[Piece, float]]:
    """So many words, each soon after the other."""
    return [(Text(f"{number} "), SOON) for number in range(count)]


async def test_the_first_piece_and_the_end_come_at_once_and_the_rest_together() -> None:
    """Ten words within the time of one hold: the first alone, then all others with the end."""
    reports, end = await told((Responded(200), SOON), *words(10), (STOP, 0.0))
    assert reports == [Responded(200), Text("0 "), Text("".join(f"{number} " for number in range(1, 10)))]
    assert isinstance(end, Answered)
    assert end.first_token == pytest.approx(SOON)


async def test_what_a_caller_awaits_is_never_held() -> None:
    """A stream's words arrive one by one."""
    reports, _ = await told(*words(10), (STOP, 0.0), whole=False)
    assert reports == [piece for piece, _ in words(10)]


async def test_a_router_hears_of_a_slow_answer_each_time() -> None:
    """Pieces farther apart than the longest hold are passed on as they come."""
    slow: list[tuple[Piece, float]] = [(Text("a"), LONGEST_HOLD), (Text("b"), LONGEST_HOLD), (Text("c"), LONGEST_HOLD)]
    reports, _ = await told(*slow, (STOP, 0.0))
    assert reports == [Text("a"), Text("b"), Text("c")]


async def test_of_a_broken_answer_all_that_came_is_told() -> None:
    """The router estimates from it what the attempt has cost, and from the provider's own count where there is one."""
    failure = ProviderFailure(FailureClass.STREAM_BROKEN, "cut")
    reports, end = await told(*words(3), (TokenUsage(7, 3), SOON), failure=failure)
    assert reports == [Text("0 "), Text("1 2 ")]
    assert isinstance(end, Failed)
    assert end.usage == TokenUsage(7, 3)


async def test_a_broken_answer_takes_no_more_than_its_credit() -> None:
    """More would break the rules of the link."""
    reports, _ = await told(*words(3), credit=3, failure=ProviderFailure(FailureClass.STREAM_BROKEN, "cut"))
    assert reports == [Text("0 ")]


@given(st.lists(st.tuples(st.lists(pieces, min_size=1, max_size=3), st.sampled_from([0.0, SOON, LONGEST_HOLD]))))
def test_nothing_is_lost_added_or_turned_round(batches: list[tuple[list[Piece], float]]) -> None:
    """Whatever comes when, what is passed on is what came, and never does more wait than may."""
    clock = FakeClock()
    held = HeldPieces(LONGEST_HOLD, clock.now)
    came: list[Piece] = []
    passed: list[Piece] = []
    for batch, seconds in batches:
        came.extend(batch)
        passed.extend(held.ready(batch))
        clock.advance(seconds)
    end = Finish(STOP.reason)
    passed.extend(held.ready([end]))
    assert held.left() == []
    assert spoken(passed) == spoken([*came, end])


def test_no_more_waits_than_may() -> None:
    """A provider that sends without end fills no memory while time stands still."""
    held = HeldPieces(LONGEST_HOLD, FakeClock().now)
    assert held.ready([Text("first")]) == [Text("first")]
    silent = [held.ready([Text("x")]) for _ in range(MOST_HELD - 1)]
    assert silent == [()] * (MOST_HELD - 1)
    assert held.ready([Text("x")]) == [Text("x" * MOST_HELD)]


def spoken(found: Sequence[Piece]) -> list[object]:
    """Characters and other pieces, in their order, however texts are cut."""
    parts: list[object] = []
    for piece in found:
        if isinstance(piece, Text | Reasoning):
            parts.extend((type(piece), character) for character in piece.text)
        else:
            parts.append(piece)
    return parts
