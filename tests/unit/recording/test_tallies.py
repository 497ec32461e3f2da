"""What is counted for the metrics: calls, attempts by target and kind, the router's own, outages, clock jumps."""

import logging
from datetime import UTC, datetime, timedelta

import pytest

from router_service.domain.attempt import Answer, AttemptOutcome, AttemptRecord, Failure, Usage
from router_service.recording.clock_watch import ClockWatch
from router_service.recording.outages import OutageLog
from router_service.recording.tallies import AttemptTally, CallTally
from service_common.failures import FailureClass
from service_common.histogram import Histogram
from service_common.vocabulary import AttemptKind, FinishReason, Operation
from tests.support.fakes import FakeClock


def record(
    failure: Failure | None = None,
    *,
    target: str = "openai/gpt-4o",
    kind: AttemptKind = AttemptKind.FIRST,
    operation: Operation = Operation.COMPLETE,
    decision: str = "d",
) -> AttemptRecord:
    """A settled attempt that took 2 s, its first token 0.3 s; whole where there is no failure."""
    answer = Answer(FinishReason.STOP) if failure is None else None
    usage = Usage(10, 20, cached_input_tokens=4, reasoning_tokens=6)
    outcome = AttemptOutcome(answer, failure, usage, 2.0, 0.3 if answer else None, 5)
    started = datetime(2026, 1, 1, tzinfo=UTC)
    return AttemptRecord(decision, 1, target, kind, started, outcome, "w", False, operation=operation)


REFUSED = Failure(FailureClass.AUTH, "the key is wrong", 401)


def test_durations_lie_in_the_bucket_below_their_bound() -> None:
    """One that equals a bound belongs to it, as in Prometheus; what exceeds all of them is counted, too."""
    histogram = Histogram((1.0, 2.0))
    for seconds in (0.5, 1.0, 1.5, 2.0, 9.0):
        histogram.add(seconds)
    assert histogram.counts == [2, 2, 1]
    assert histogram.total == pytest.approx(14.0)


def test_calls_by_method_and_status() -> None:
    """Each ended call is counted once, with the time that passed on the clock."""
    clock = FakeClock()
    tally = CallTally(clock)
    began = tally.began()
    clock.advance(3.0)
    tally.note("S/Complete", "OK", began)
    tally.note("S/Complete", "CANCELLED", began)
    assert tally.ended == {("S/Complete", "OK"): 1, ("S/Complete", "CANCELLED"): 1}
    assert tally.durations["S/Complete"].total == pytest.approx(6.0)


def test_callers_attempts_are_counted_by_target_and_kind() -> None:
    """A failed attempt adds no duration of an answer; tokens that were used count all the same."""
    tally = AttemptTally()
    tally.attempt_settled(record(kind=AttemptKind.HEDGE))
    tally.attempt_settled(record(REFUSED))
    counted = tally.targets["openai/gpt-4o"]
    assert (sum(counted.answers.counts), sum(counted.first_tokens.counts)) == (1, 1)
    assert (counted.cached_input_tokens, counted.reasoning_tokens) == (8, 12)
    assert tally.kinds == {(AttemptKind.HEDGE, True): 1, (AttemptKind.FIRST, False): 1}
    assert not tally.upkeep


def test_the_routers_own_attempts_are_counted_apart() -> None:
    """Probes and warm-ups say nothing about how callers are answered."""
    tally = AttemptTally()
    tally.attempt_settled(record(operation=Operation.PROBE, decision=""))
    tally.attempt_settled(record(REFUSED, operation=Operation.PROBE, decision=""))
    assert tally.upkeep == {(Operation.PROBE, None): 1, (Operation.PROBE, FailureClass.AUTH): 1}
    assert not tally.targets
    assert not tally.kinds


def test_an_outage_is_said_once_until_it_is_over(caplog: pytest.LogCaptureFixture) -> None:
    """Once for each target and each outage; a probe that succeeds does not end it, an answer does."""
    log = OutageLog()
    with caplog.at_level(logging.WARNING):
        log.attempt_settled(record(REFUSED))
        log.attempt_settled(record(operation=Operation.PROBE, decision=""))
        log.attempt_settled(record(REFUSED))
        log.attempt_settled(record(REFUSED, target="openai/gpt-5"))
        assert [line.getMessage().split()[0] for line in caplog.records] == ["openai/gpt-4o", "openai/gpt-5"]
        log.attempt_settled(record())
        log.attempt_settled(record(REFUSED))
    assert len(caplog.records) == 3


def test_an_outage_of_a_whole_backend_is_one_line(caplog: pytest.LogCaptureFixture) -> None:
    """Its key serves all of its targets; one of them that answers ends it for all."""
    wide = Failure(FailureClass.QUOTA_EXHAUSTED, "the account is empty", 402, backend_wide=True)
    log = OutageLog()
    with caplog.at_level(logging.WARNING):
        log.attempt_settled(record(wide))
        log.attempt_settled(record(wide, target="openai/gpt-5"))
        log.attempt_settled(record(target="openai/gpt-5"))
        log.attempt_settled(record(wide))
    assert [line.getMessage().split()[0] for line in caplog.records] == ["openai", "openai"]
    assert caplog.records[0].getMessage().endswith("succeeds: quota_exhausted (402)")  # never the provider's words


def test_what_takes_nothing_out_is_not_said(caplog: pytest.LogCaptureFixture) -> None:
    """Neither a passing failure nor a probe that a provider refuses."""
    log = OutageLog()
    log.attempt_settled(record(Failure(FailureClass.OVERLOADED, "busy", 503)))
    log.attempt_settled(record(REFUSED, operation=Operation.PROBE, decision=""))
    assert not caplog.records


class SetClock(FakeClock):
    """A clock whose date somebody sets."""

    def __init__(self) -> None:
        """Begin right."""
        super().__init__()
        self.off = timedelta()

    def wall(self) -> datetime:
        """See `Clock.wall`."""
        return super().wall() + self.off


@pytest.mark.parametrize(("off", "jumps"), [(0.0, 0), (0.4, 0), (3600.0, 1), (-86_400.0, 1)])
def test_a_date_that_is_set_is_noticed_once(caplog: pytest.LogCaptureFixture, off: float, jumps: int) -> None:
    """Forwards or back; a date that is put right little by little is none. One line and one count for each jump."""
    clock = SetClock()
    watch = ClockWatch(clock)
    for step in range(4):
        clock.advance(1.0)
        clock.off = timedelta(seconds=off if step else 0)
        watch.look()
    assert watch.jumps == len(caplog.records) == jumps
