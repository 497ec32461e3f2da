"""How an attempt ended is always told, in words that can be sent and that hold no key."""

import asyncio
from collections.abc import Sequence

import pytest

from provider_workers.attempts import MAX_NAME, Attempts
from provider_workers.backends.base import Finish, Piece, Text, ToolDelta
from provider_workers.orders import Answered, Failed, Order, Report
from service_common.clock import SystemClock
from service_common.failures import FailureClass
from service_common.vocabulary import FinishReason, Operation, Sensitivity
from tests.support.attempts import PATIENCE, STOP, Says, Told

KEY = "zq7liarKEY0123456789abcdef"


class Picky(Told):
    """Cannot send that an attempt was answered."""

    def report(self, attempt_id: int, report: Report) -> None:
        """Refuse an answer, as a frame does that cannot be made."""
        if isinstance(report, Answered):
            raise TypeError("Expected an int, got a boolean")
        super().report(attempt_id, report)


async def ended(sink: Told, pieces: Sequence[Piece], finish: Finish = STOP) -> Report:
    """The last that a router hears of an answer of these pieces."""
    attempts = Attempts(Says(*pieces, finish=finish), SystemClock(), 1, lambda _: "", [KEY])
    order = Order(1, Operation.COMPLETE, "here", b"", 0, PATIENCE, PATIENCE, PATIENCE, 1 << 40, Sensitivity.INTERNAL)
    attempts.start(order, sink)
    async with asyncio.timeout(PATIENCE):
        await attempts.idle()
    assert attempts.in_flight == 0
    await attempts.close()
    return sink.reports[-1]


async def test_an_end_that_cannot_be_sent_is_a_failure_that_can(caplog: pytest.LogCaptureFixture) -> None:
    """Without a word of it the caller would wait until the deadline for an answer that is there."""
    end = await ended(Picky(1), [Text("whole")])
    assert isinstance(end, Failed)
    assert end.failure_class is FailureClass.STREAM_BROKEN
    assert "TypeError" in end.message
    assert "cannot be told" in caplog.text


async def test_names_are_short_and_hold_no_key() -> None:
    """A provider may answer with a key for its model, or with megabytes for an identifier."""
    end = await ended(Told(1), [Text("x")], Finish(FinishReason.STOP, f"m {KEY}", "i" * 3_000_000))
    assert isinstance(end, Answered)
    assert end.finish == Finish(FinishReason.STOP, "m [secret]", "i" * MAX_NAME)


async def test_a_call_with_an_endless_name_breaks_the_answer() -> None:
    """Cut, it would be a call of another tool; whole, it fits no frame."""
    end = await ended(Told(1), [ToolDelta(0, "c1", "f" * 3_000_000, "{}")])
    assert isinstance(end, Failed)
    assert end.failure_class is FailureClass.STREAM_BROKEN
