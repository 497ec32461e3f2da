"""Deltas of any size are cut into frames in time that grows with their size alone."""

import asyncio
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from provider_workers.attempt import MAX_DELTA, RunningAttempt
from provider_workers.backends.base import Piece, Reasoning, Text, ToolDelta
from provider_workers.orders import Answered, Failed, Order, Report
from service_common.clock import SystemClock
from service_common.vocabulary import Operation, Sensitivity
from tests.support.attempts import PATIENCE, Says, Told


class CountedBytes(bytes):
    """Bytes that count how many of them are copied by slicing."""

    copied = 0

    def __getitem__(self, key: Any) -> Any:
        """A byte, or a counted slice."""
        found = super().__getitem__(key)
        if isinstance(key, slice):
            CountedBytes.copied += len(found)
            return CountedBytes(found)
        return found


class CountedText(str):
    """A text whose bytes are counted ones."""

    __slots__ = ()

    def encode(self, encoding: str = "utf-8", errors: str = "strict") -> bytes:
        """Its bytes."""
        return CountedBytes(super().encode(encoding, errors))


async def told(*pieces: Piece, granted: int = 1 << 40) -> list[Report]:
    """What a router hears of an answer of these pieces."""
    order = Order(1, Operation.COMPLETE, "here", b"", 0, PATIENCE, PATIENCE, PATIENCE, granted, Sensitivity.INTERNAL)
    sink = Told(granted)
    ends: list[Answered | Failed] = []
    sink.attempt = RunningAttempt(order, sink, Says(*pieces), SystemClock(), lambda _, end: ends.append(end))
    await asyncio.wait_for(sink.attempt.start(), PATIENCE)
    assert isinstance(ends[0], Answered), ends[0]
    return sink.reports


@given(
    st.text(st.sampled_from("aé橋🌉"), max_size=40).map(lambda text: text * 3_000),
    st.sampled_from([4, 1_000, MAX_DELTA, 1 << 40]),
)
def test_a_delta_of_any_size_arrives_whole(text: str, granted: int) -> None:
    """Texts, thoughts and arguments are cut between characters, within frame and credit, and lose nothing."""
    granted = granted if granted > 4 or len(text) < 10_000 else MAX_DELTA  # so little only for short texts

    async def check() -> None:
        pieces = (Text(text), Reasoning(text), ToolDelta(0, "c1", "now", text))
        reports = await told(*pieces, granted=granted)
        for kind in (Text, Reasoning):
            assert "".join(report.text for report in reports if type(report) is kind) == text
        calls = [report for report in reports if isinstance(report, ToolDelta)]
        assert "".join(call.arguments_json for call in calls) == text
        assert [call.name for call in calls] == ["now", *[""] * (len(calls) - 1)]
        longest = max(len(call.arguments_json.encode()) for call in calls)
        assert longest <= MAX_DELTA

    asyncio.run(check())


async def test_cutting_a_large_delta_copies_each_byte_once() -> None:
    """Copying the rest for every frame would take the worker seconds for 30 MB, in which its heartbeats stand still."""
    text = CountedText("x" * (40 * MAX_DELTA))
    CountedBytes.copied = 0
    reports = await told(ToolDelta(0, "c1", "now", text))
    assert sum(len(report.arguments_json) for report in reports if isinstance(report, ToolDelta)) == len(text)
    assert CountedBytes.copied <= len(text)
