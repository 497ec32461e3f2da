"""The attempt machine: how calls recover, wait and end, and what each next attempt is told of the one before."""

import pytest

from router_service.dispatch.attempt_machine import CALLER_LEFT, DEADLINE_PASSED, SUPERSEDED
from router_service.dispatch.attempt_plan import Cancel, FailCall, FailReason, Finish, PlannedTarget, Reset, Start
from router_service.domain.attempt import Failure
from service_common.failures import FailureClass
from service_common.vocabulary import AttemptKind, StreamRecovery
from tests.support.attempt_machines import A, B, C, begun, failure, machine, start_of
from tests.support.settings import attempt_limits

BROKEN = failure(FailureClass.STREAM_BROKEN)
BUSY = failure(FailureClass.OVERLOADED)
LIMITED = failure(FailureClass.RATE_LIMITED, retry_after=5.0)


def test_a_fallback_knows_what_it_replaces() -> None:
    """The next attempt carries the failure of the one before."""
    m = machine()
    first = begun(m)
    assert start_of(m.failed(first.number, BROKEN, 1.0)).replaced is BROKEN


def test_a_retry_knows_what_it_replaces() -> None:
    """So does another attempt on the same target."""
    m = machine()
    first = begun(m)
    m.failed(first.number, BUSY, 1.0)
    retry = start_of(m.tick(m.wake_at))
    assert (retry.replaced, retry.prefill) == (BUSY, False)


def test_a_target_passed_over_keeps_the_reason_of_the_fallback() -> None:
    """A refused start hands on what the refused attempt would have replaced."""
    m = machine()
    first = begun(m)
    second = start_of(m.failed(first.number, BROKEN, 1.0))
    assert start_of(m.refused(second.number, 1.0)).replaced is BROKEN


@pytest.mark.parametrize("recovery", [StreamRecovery.RESET, StreamRecovery.CONTINUE_OR_RESET])
def test_numbers_count_the_starts(recovery: StreamRecovery) -> None:
    """Each start has a number of its own, also after visible text."""
    m = machine(recovery=recovery)
    first = begun(m)
    m.progressed(first.number, 1.0)
    second = start_of(m.failed(first.number, BROKEN, 2.0))
    assert (first.number, second.number, second.kind, second.replaced) == (1, 2, AttemptKind.FALLBACK, BROKEN)


def test_after_visible_text_a_reset_may_retry_the_same_target() -> None:
    """An overloaded provider is asked once more, from the start and after the back-off; the caller is told at once."""
    m = machine(recovery=StreamRecovery.RESET, limits=attempt_limits(backoff_base=0.5))
    first = begun(m)
    m.progressed(first.number, 1.0)
    assert m.failed(first.number, BUSY, 2.0) == [Reset("a/m", restart=True)]
    assert 2.0 < m.wake_at <= 2.5
    retry = start_of(m.tick(m.wake_at))
    assert (retry.target, retry.kind, retry.prefill, retry.replaced) == ("a/m", AttemptKind.RETRY, False, BUSY)


def test_after_a_reset_nothing_is_shown_any_more() -> None:
    """A second failure before new text is an ordinary fallback, without another reset."""
    m = machine(recovery=StreamRecovery.RESET)
    first = begun(m)
    m.progressed(first.number, 1.0)
    second = start_of(m.failed(first.number, BROKEN, 2.0))
    m.started(second.number, 2.0)
    instructions = m.failed(second.number, BROKEN, 3.0)
    assert not any(isinstance(i, Reset) for i in instructions)
    assert start_of(instructions).target == "c/m"


@pytest.mark.parametrize("recovery", [StreamRecovery.RESET, StreamRecovery.CONTINUE_OR_RESET])
def test_where_no_target_is_left_the_break_is_the_error(recovery: StreamRecovery) -> None:
    """No reset is announced that no answer follows."""
    m = machine((A,), recovery=recovery)
    first = begun(m)
    m.progressed(first.number, 1.0)
    assert m.failed(first.number, BROKEN, 2.0) == [FailCall(FailReason.FAILED, BROKEN)]


def test_an_answer_that_nobody_can_continue_is_begun_anew_where_allowed() -> None:
    """continue_or_reset with a next target that takes no prefill: restart on it."""
    m = machine((A, B), recovery=StreamRecovery.CONTINUE_OR_RESET)
    first = begun(m)
    m.progressed(first.number, 1.0)
    reset, start = m.failed(first.number, BROKEN, 2.0)
    assert reset == Reset("a/m", restart=True)
    assert isinstance(start, Start)
    assert (start.target, start.prefill, start.replaced) == ("b/m", False, BROKEN)


def test_an_answer_that_nobody_can_continue_fails_where_only_that_was_asked_for() -> None:
    """continue with a next target that takes no prefill: the break is the error."""
    m = machine((A, B), recovery=StreamRecovery.CONTINUE)
    first = begun(m)
    m.progressed(first.number, 1.0)
    assert m.failed(first.number, BROKEN, 2.0) == [FailCall(FailReason.FAILED, BROKEN)]


@pytest.mark.parametrize("recovery", list(StreamRecovery))
def test_a_content_filter_after_visible_text_is_final(recovery: StreamRecovery) -> None:
    """The provider withheld the rest: no other provider is asked, whatever the caller chose."""
    m = machine(recovery=recovery)
    first = begun(m)
    m.progressed(first.number, 1.0)
    filtered = failure(FailureClass.CONTENT_FILTERED)
    assert m.failed(first.number, filtered, 2.0) == [FailCall(FailReason.FAILED, filtered)]


def test_a_continuation_that_fails_is_followed_by_the_next_that_can_continue() -> None:
    """Still with the text already shown, and without another reset."""
    d = PlannedTarget("d/m", "d", can_continue=True)
    m = machine((A, B, C, d), recovery=StreamRecovery.CONTINUE)
    first = begun(m)
    m.progressed(first.number, 1.0)
    second = start_of(m.failed(first.number, BROKEN, 2.0))
    m.started(second.number, 2.0)
    [third] = m.failed(second.number, failure(FailureClass.AUTH), 3.0)
    assert isinstance(third, Start)
    assert (third.target, third.prefill) == ("d/m", True)


def test_a_refusal_that_names_a_time_is_waited_for_where_nothing_else_is_left() -> None:
    """A cooling target that no other can replace is tried as soon as it may be."""
    m = machine((A,))
    first = start_of(m.begin(1.0))
    assert m.refused(first.number, 1.0, retry_after=4.0) == []
    assert m.wake_at == pytest.approx(5.0)
    assert start_of(m.tick(5.0)).target == "a/m"


@pytest.mark.parametrize(("retry_after", "waits"), [(9.99, True), (10.0, False)])
def test_a_wait_must_end_before_the_deadline(retry_after: float, waits: bool) -> None:
    """At the deadline it is too late."""
    m = machine((A,), deadline=10.0)
    first = begun(m)
    instructions = m.failed(first.number, failure(FailureClass.RATE_LIMITED, retry_after), 0.0)
    assert instructions == [] if waits else isinstance(instructions[0], FailCall)


def test_a_wait_is_not_begun_when_no_attempt_is_left_for_it() -> None:
    """`total` bounds what follows a wait, too; the caller learns when the target may be tried again."""
    m = machine((A,), limits=attempt_limits(total=1))
    first = begun(m)
    assert m.failed(first.number, LIMITED, 1.0) == [FailCall(FailReason.FAILED, LIMITED, 6.0)]


def test_the_soonest_of_several_cooling_targets_is_waited_for() -> None:
    """Two are cooling; the one that may be tried first is tried first."""
    m = machine((A, B))
    first = begun(m)
    second = start_of(m.failed(first.number, failure(FailureClass.RATE_LIMITED, 30.0), 0.0))
    m.started(second.number, 0.0)
    assert m.failed(second.number, LIMITED, 0.0) == []
    retry = start_of(m.tick(5.0))
    assert (retry.target, retry.kind, retry.replaced, retry.prefill) == ("b/m", AttemptKind.RETRY, LIMITED, False)


def test_the_losers_of_a_race_are_told_why() -> None:
    """Whoever is cancelled settles with the reason: superseded."""
    slow = PlannedTarget("a/m", "a", hedge_after=1.0)
    m = machine((slow, B), limits=attempt_limits(hedge=True))
    first = begun(m)
    hedge = start_of(m.tick(1.0))
    m.started(hedge.number, 1.0)
    assert m.succeeded(hedge.number) == [Cancel(first.number, SUPERSEDED), Finish(hedge.number)]


def test_a_hedge_that_was_refused_may_still_be_a_fallback() -> None:
    """It was an extra: where the first fails after all, the same target is tried."""
    slow = PlannedTarget("a/m", "a", hedge_after=1.0)
    m = machine((slow, B), limits=attempt_limits(hedge=True))
    first = begun(m)
    hedge = start_of(m.tick(1.0))
    assert m.refused(hedge.number, 1.0) == []
    fallback = start_of(m.failed(first.number, BROKEN, 2.0))
    assert (fallback.target, fallback.kind) == ("b/m", AttemptKind.FALLBACK)


def test_while_one_of_two_still_runs_nothing_is_started() -> None:
    """A race goes on with the one that is left."""
    slow = PlannedTarget("a/m", "a", hedge_after=1.0)
    m = machine((slow, B, C), limits=attempt_limits(hedge=True))
    first = begun(m)
    hedge = start_of(m.tick(1.0))
    m.started(hedge.number, 1.0)
    assert m.failed(first.number, BROKEN, 2.0) == []
    assert m.succeeded(hedge.number) == [Finish(hedge.number)]


def test_the_caller_that_left_is_the_reason_of_every_cancel() -> None:
    """And after that nothing happens any more."""
    m = machine()
    first = begun(m)
    assert m.abandoned() == [Cancel(first.number, CALLER_LEFT)]
    assert m.succeeded(first.number) == []
    assert m.tick(99.0) == []


def test_after_the_answer_nothing_happens_any_more() -> None:
    """Late signals and times are of no consequence."""
    m = machine()
    first = begun(m)
    assert m.succeeded(first.number) == [Finish(first.number)]
    assert m.succeeded(first.number) == []
    assert m.progressed(first.number, 1.0) == []
    assert m.tick(1000.0) == []


def test_the_deadline_names_what_went_wrong_before() -> None:
    """The running attempt is cut off for want of time; the call's error keeps the last failure."""
    m = machine(deadline=10.0)
    first = begun(m)
    second = start_of(m.failed(first.number, BROKEN, 1.0))
    m.started(second.number, 1.0)
    m.progressed(second.number, 2.0)
    assert m.tick(10.0) == [Cancel(second.number, DEADLINE_PASSED), FailCall(FailReason.DEADLINE, BROKEN)]


def test_silence_is_told_in_words() -> None:
    """What a person reads in the attempt log."""
    m = machine((A, B), limits=attempt_limits(first_token_timeout=3.0, idle_timeout=4.0))
    first = begun(m)
    m.progressed(first.number, 1.0)
    [cancel, _] = m.tick(5.0)
    assert cancel == Cancel(1, Failure(FailureClass.TIMEOUT_IDLE, "silent for 4 s in the middle of the answer"))
    m = machine((A,), limits=attempt_limits(first_token_timeout=3.0))
    begun(m)
    [cancel, _] = m.tick(3.0)
    assert cancel == Cancel(1, Failure(FailureClass.TIMEOUT_FIRST_TOKEN, "no token came in time"))


def test_after_a_timeout_the_next_target_has_its_own_time() -> None:
    """The time to its first token counts from its own start."""
    m = machine(limits=attempt_limits(first_token_timeout=3.0), deadline=1000.0)
    begun(m)
    second = start_of(m.tick(m.wake_at))
    m.started(second.number, 31.0)
    assert m.wake_at > 31.0
