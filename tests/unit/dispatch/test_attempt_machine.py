"""The attempt machine: which target is tried when, without I/O and without waiting."""

from itertools import pairwise

import pytest
from msgspec.structs import replace

from router_service.dispatch.attempt_plan import (
    Cancel,
    FailCall,
    FailReason,
    Finish,
    PlannedTarget,
    Reset,
    Start,
)
from router_service.domain.attempt import Failure
from router_service.domain.profile import AttemptLimits
from service_common.failures import FailureClass
from service_common.vocabulary import AttemptKind, StreamRecovery
from tests.support.attempt_machines import A, B, C, failure, machine, start_of
from tests.support.settings import attempt_limits


def test_the_first_target_of_the_plan_is_tried_first() -> None:
    """The plan's order is the order to try."""
    start = start_of(machine().begin(0.0))
    assert (start.target, start.kind, start.replaced) == ("a/m", AttemptKind.FIRST, None)


def test_an_answer_finishes_the_call() -> None:
    """Success of the only attempt is the end."""
    m = machine()
    start = start_of(m.begin(0.0))
    m.started(start.number, 0.0)
    assert m.succeeded(start.number) == [Finish(start.number)]


def test_a_stalled_target_is_replaced_without_a_retry() -> None:
    """A first-token timeout falls back at once and is not tried on the same target again."""
    m = machine(limits=attempt_limits(first_token_timeout=5.0, retries_per_target=3))
    first = start_of(m.begin(0.0))
    m.started(first.number, 0.0)
    cancel, start = m.tick(m.wake_at)
    assert isinstance(cancel, Cancel)
    assert cancel.failure.failure_class is FailureClass.TIMEOUT_FIRST_TOKEN
    assert isinstance(start, Start)
    assert (start.target, start.kind) == ("b/m", AttemptKind.FALLBACK)


@pytest.mark.parametrize(
    ("deadline", "telling_silence", "per_attempt_timeout", "hurried"),
    [
        (1.0, 5.0, 30.0, True),
        (60.0, 5.0, 30.0, False),
        (1.0, 0.2, 30.0, False),  # the target is quicker than half of the caller's second
        (60.0, 5.0, 0.3, False),  # the profile gives no more
    ],
)
def test_a_hurried_target_is_not_to_blame(
    deadline: float, telling_silence: float, per_attempt_timeout: float, hurried: bool
) -> None:
    """What the caller's own deadline cuts short, before the time that the target usually needs, says nothing of it."""
    plan = (replace(A, telling_silence=telling_silence), B)
    m = machine(plan, deadline=deadline, limits=attempt_limits(per_attempt_timeout=per_attempt_timeout))
    first = start_of(m.begin(0.0))
    m.started(first.number, 0.0)
    cancel = m.tick(m.wake_at)[0]
    assert isinstance(cancel, Cancel)
    assert cancel.failure == Failure(FailureClass.TIMEOUT_FIRST_TOKEN, "no token came in time", hurried=hurried)


def test_an_overloaded_target_is_retried_after_a_backoff_then_replaced() -> None:
    """503 is retried once on the same target inside the back-off's bounds, then the next target is tried."""
    m = machine(limits=attempt_limits(retries_per_target=1, backoff_base=0.5))
    first = start_of(m.begin(0.0))
    m.started(first.number, 0.0)
    assert m.failed(first.number, failure(FailureClass.OVERLOADED), 1.0) == []
    assert 1.0 < m.wake_at <= 1.5
    retry = start_of(m.tick(m.wake_at))
    assert (retry.target, retry.kind) == ("a/m", AttemptKind.RETRY)
    m.started(retry.number, 2.0)
    fallback = start_of(m.failed(retry.number, failure(FailureClass.OVERLOADED), 3.0))
    assert (fallback.target, fallback.kind) == ("b/m", AttemptKind.FALLBACK)


def test_retry_after_is_never_undercut() -> None:
    """A 503 that names a time is not retried sooner than that."""
    m = machine((A,))
    first = start_of(m.begin(0.0))
    m.started(first.number, 0.0)
    m.failed(first.number, failure(FailureClass.UNAVAILABLE, retry_after=7.0), 1.0)
    assert m.wake_at >= 8.0


def test_a_rate_limit_falls_back_at_once() -> None:
    """Another target answers while the first one cools down."""
    m = machine()
    first = start_of(m.begin(0.0))
    m.started(first.number, 0.0)
    fallback = start_of(m.failed(first.number, failure(FailureClass.RATE_LIMITED, retry_after=2.0), 0.1))
    assert fallback.target == "b/m"


def test_a_short_rate_limit_is_sat_out_where_the_profile_allows() -> None:
    """`wait_for_retry_after` keeps the call on its target for waits up to that long."""
    m = machine(limits=attempt_limits(wait_for_retry_after=3.0))
    first = start_of(m.begin(0.0))
    m.started(first.number, 0.0)
    assert m.failed(first.number, failure(FailureClass.RATE_LIMITED, retry_after=2.0), 1.0) == []
    assert m.wake_at == pytest.approx(3.0)
    assert start_of(m.tick(3.0)).target == "a/m"


def test_where_no_other_target_is_left_the_wait_is_sat_out() -> None:
    """The only target's cool-down is waited for, because the deadline allows it."""
    m = machine((A,))
    first = start_of(m.begin(0.0))
    m.started(first.number, 0.0)
    assert m.failed(first.number, failure(FailureClass.RATE_LIMITED, retry_after=20.0), 0.0) == []
    assert start_of(m.tick(20.0)).kind is AttemptKind.RETRY


@pytest.mark.parametrize("limits", [attempt_limits(retries_per_target=0), attempt_limits(retries_per_target=5)])
def test_a_provider_that_says_retry_at_once_is_not_hammered(limits: AttemptLimits) -> None:
    """A Retry-After of 0, or of a date in the past, still backs off: each attempt comes later than the one before."""
    m = machine((A,), limits=limits)
    instructions = m.begin(0.0)
    times = [0.0]
    while not isinstance(instructions[0], FailCall):
        m.started(start_of(instructions).number, times[-1])
        instructions = m.failed(start_of(instructions).number, failure(FailureClass.RATE_LIMITED, 0.0), times[-1])
        if not instructions:
            times.append(m.wake_at)
            instructions = m.tick(m.wake_at)
    assert len(times) == limits.total
    assert all(later > earlier for earlier, later in pairwise(times))


def test_a_wait_beyond_the_deadline_fails_the_call_and_says_when() -> None:
    """The caller learns at once when another try makes sense."""
    m = machine((A,), deadline=10.0)
    first = start_of(m.begin(0.0))
    m.started(first.number, 0.0)
    [end] = m.failed(first.number, failure(FailureClass.RATE_LIMITED, retry_after=20.0), 0.0)
    assert isinstance(end, FailCall)
    assert (end.reason, end.available_at) == (FailReason.FAILED, 20.0)


@pytest.mark.parametrize("failure_class", [FailureClass.CONTENT_FILTERED, FailureClass.INVALID_REQUEST])
def test_what_the_caller_caused_is_final(failure_class: FailureClass) -> None:
    """A refusal by the content filter and a wrong request are not routed around."""
    m = machine()
    first = start_of(m.begin(0.0))
    m.started(first.number, 0.0)
    [end] = m.failed(first.number, failure(failure_class), 0.1)
    assert isinstance(end, FailCall)
    assert end.failure is not None
    assert end.failure.failure_class is failure_class


def test_a_prompt_too_long_goes_only_to_a_larger_window() -> None:
    """After context_exceeded, targets with the same window or a smaller one are passed over."""
    plan = (A, PlannedTarget("b/m", "b", 1000), PlannedTarget("c/m", "c", None))
    m = machine(plan)
    first = start_of(m.begin(0.0))
    m.started(first.number, 0.0)
    assert start_of(m.failed(first.number, failure(FailureClass.CONTEXT_EXCEEDED), 0.1)).target == "c/m"


def test_a_lost_worker_is_retried_at_once() -> None:
    """Another worker of the same backend may answer; if there is none, the refusal costs nothing."""
    m = machine()
    first = start_of(m.begin(0.0))
    m.started(first.number, 0.0)
    retry = start_of(m.failed(first.number, failure(FailureClass.WORKER_LOST), 0.1))
    assert (retry.target, retry.kind) == ("a/m", AttemptKind.RETRY)
    assert start_of(m.refused(retry.number, 0.1)).target == "b/m"


def test_a_refused_start_costs_no_attempt() -> None:
    """Targets that have no slot are passed over without using up the limit of attempts."""
    m = machine(limits=attempt_limits(targets=1, total=1))
    first = start_of(m.begin(0.0))
    second = start_of(m.refused(first.number, 0.0))
    third = start_of(m.refused(second.number, 0.0))
    assert (third.target, third.kind) == ("c/m", AttemptKind.FIRST)


def test_when_everything_is_refused_nothing_was_started() -> None:
    """The call fails with the reason that no attempt could be started."""
    m = machine((A,))
    [end] = m.refused(start_of(m.begin(0.0)).number, 0.0)
    assert isinstance(end, FailCall)
    assert end.reason is FailReason.NOTHING_STARTED


def test_the_total_of_attempts_is_bounded_over_retries_and_fallbacks() -> None:
    """`total` counts everything."""
    m = machine(limits=attempt_limits(retries_per_target=5, total=3, backoff_base=0.0))
    instructions, attempts, now = m.begin(0.0), 0, 0.0
    while not any(isinstance(i, FailCall) for i in instructions):
        start = start_of(instructions)
        attempts += 1
        m.started(start.number, now)
        instructions = m.failed(start.number, failure(FailureClass.OVERLOADED), now) or m.tick(m.wake_at)
    assert attempts == 3


def test_a_retry_never_takes_the_attempt_of_an_untried_target() -> None:
    """With three attempts for three targets none is retried, though each may be; with four the first one is."""
    for total, expected in ((3, ["a/m", "b/m", "c/m"]), (4, ["a/m", "a/m", "b/m", "c/m"])):
        m = machine((A, B, PlannedTarget("c/m", "c")), limits=attempt_limits(retries_per_target=1, total=total))
        tried, now = [], 0.0
        instructions = m.begin(now)
        while not isinstance(instructions[-1], FailCall):
            started = start_of(instructions)
            m.started(started.number, now)
            tried.append(started.target)
            instructions = m.failed(started.number, failure(FailureClass.UNAVAILABLE), now)
            if not instructions:
                now = m.wake_at
                instructions = m.tick(now)
        assert tried == expected


def test_a_last_resort_is_tried_beyond_the_limits() -> None:
    """The named last resort is tried even when the limit of targets is reached."""
    last = PlannedTarget("z/m", "z", last_resort=True)
    m = machine((A, B, last), limits=attempt_limits(targets=1, total=1))
    first = start_of(m.begin(0.0))
    m.started(first.number, 0.0)
    assert start_of(m.failed(first.number, failure(FailureClass.AUTH), 0.1)).target == "z/m"


def test_the_time_to_the_first_token_leaves_time_for_a_fallback() -> None:
    """With 10 s left and a target to follow, a silent first target gets 5 s at most."""
    m = machine(deadline=10.0)
    first = start_of(m.begin(0.0))
    m.started(first.number, 0.0)
    assert m.wake_at == pytest.approx(5.0)


def test_a_learned_limit_counts_only_where_another_target_follows() -> None:
    """Giving up a slow target early is for the sake of a fallback; the last one gets the time that is left."""
    slow = PlannedTarget("a/m", "a", first_token_limit=2.0)
    alone, followed = machine((slow,), deadline=50.0), machine((slow, B), deadline=50.0)
    for m, limit in ((alone, 50.0), (followed, 2.0)):
        m.started(start_of(m.begin(0.0)).number, 0.0)
        assert m.wake_at == pytest.approx(limit)


def test_an_answer_that_flows_is_not_cut() -> None:
    """Once tokens come, only the idle limit and the call's deadline count."""
    m = machine(limits=attempt_limits(per_attempt_timeout=3.0, idle_timeout=10.0))
    first = start_of(m.begin(0.0))
    m.started(first.number, 0.0)
    for second in range(1, 60):
        assert m.tick(float(second)) == []
        m.progressed(first.number, float(second))
    assert m.wake_at == pytest.approx(69.0)


def test_silence_in_the_middle_is_noticed() -> None:
    """The idle limit ends an attempt that stopped in the middle."""
    m = machine(limits=attempt_limits(idle_timeout=4.0))
    first = start_of(m.begin(0.0))
    m.started(first.number, 0.0)
    m.progressed(first.number, 1.0)
    cancel, end = m.tick(5.0)
    assert isinstance(cancel, Cancel)
    assert cancel.failure.failure_class is FailureClass.TIMEOUT_IDLE
    assert isinstance(end, FailCall)


def test_a_caller_that_pauses_does_not_make_the_target_silent() -> None:
    """Nothing can arrive while the caller does not read, so silence counts from when it reads again."""
    m = machine(limits=attempt_limits(idle_timeout=4.0))
    first = start_of(m.begin(0.0))
    m.started(first.number, 0.0)
    m.progressed(first.number, 1.0)
    m.resumed(50.0)
    assert m.tick(51.0) == []


@pytest.mark.parametrize(
    ("recovery", "target", "restart"),
    [
        (StreamRecovery.RESET, "b/m", True),
        (StreamRecovery.CONTINUE, "c/m", False),
        (StreamRecovery.CONTINUE_OR_RESET, "c/m", False),
    ],
)
def test_recovery_after_visible_text(recovery: StreamRecovery, target: str, restart: bool) -> None:
    """Reset goes to the next target; continue to the next that can continue (b cannot)."""
    m = machine(recovery=recovery)
    first = start_of(m.begin(0.0))
    m.started(first.number, 0.0)
    m.progressed(first.number, 1.0)
    reset, start = m.failed(first.number, failure(FailureClass.STREAM_BROKEN), 2.0)
    assert reset == Reset("a/m", restart)
    assert isinstance(start, Start)
    assert (start.target, start.prefill) == (target, not restart)


def test_without_a_wish_a_break_after_visible_text_fails_the_call() -> None:
    """A caller that does not know of resets would join two answers."""
    m = machine()
    first = start_of(m.begin(0.0))
    m.started(first.number, 0.0)
    m.progressed(first.number, 1.0)
    [end] = m.failed(first.number, failure(FailureClass.STREAM_BROKEN), 2.0)
    assert isinstance(end, FailCall)


@pytest.mark.parametrize("recovery", [StreamRecovery.CONTINUE, StreamRecovery.CONTINUE_OR_RESET])
def test_a_tool_call_half_way_is_never_continued(recovery: StreamRecovery) -> None:
    """Half a tool call cannot be joined with another model's: it restarts where the call allows, else fails."""
    m = machine(recovery=recovery)
    first = start_of(m.begin(0.0))
    m.started(first.number, 0.0)
    m.progressed(first.number, 1.0, tool_call=True)
    instructions = m.failed(first.number, failure(FailureClass.STREAM_BROKEN), 2.0)
    if recovery is StreamRecovery.CONTINUE:
        assert isinstance(instructions[0], FailCall)
    else:
        assert instructions[0] == Reset("a/m", restart=True)


def test_a_refused_prefill_is_not_the_callers_error() -> None:
    """Where nobody can continue after all, the caller sees the failure that broke the answer."""
    m = machine((A, C), recovery=StreamRecovery.CONTINUE)
    first = start_of(m.begin(0.0))
    m.started(first.number, 0.0)
    m.progressed(first.number, 1.0)
    start = start_of(m.failed(first.number, failure(FailureClass.STREAM_BROKEN), 2.0))
    m.started(start.number, 2.0)
    [end] = m.failed(start.number, failure(FailureClass.UNSUPPORTED), 3.0)
    assert isinstance(end, FailCall)
    assert end.failure is not None
    assert end.failure.failure_class is FailureClass.STREAM_BROKEN


def test_a_refused_prefill_becomes_a_reset_where_the_call_allows() -> None:
    """continue_or_reset: the target that refused the prefill may still give a whole new answer."""
    m = machine((A, C), recovery=StreamRecovery.CONTINUE_OR_RESET)
    first = start_of(m.begin(0.0))
    m.started(first.number, 0.0)
    m.progressed(first.number, 1.0)
    start = start_of(m.failed(first.number, failure(FailureClass.STREAM_BROKEN), 2.0))
    m.started(start.number, 2.0)
    reset, again = m.failed(start.number, failure(FailureClass.UNSUPPORTED), 3.0)
    assert reset == Reset("a/m", restart=True)
    assert isinstance(again, Start)
    assert (again.target, again.prefill) == ("c/m", False)


def test_a_hedge_starts_on_another_backend_and_the_first_token_wins() -> None:
    """The loser is cancelled as superseded."""
    slow = PlannedTarget("a/m", "a", hedge_after=1.0)
    same_backend = PlannedTarget("a/n", "a")
    m = machine((slow, same_backend, B), limits=attempt_limits(hedge=True))
    first = start_of(m.begin(0.0))
    m.started(first.number, 0.0)
    hedge = start_of(m.tick(1.0))
    assert (hedge.target, hedge.kind) == ("b/m", AttemptKind.HEDGE)
    m.started(hedge.number, 1.0)
    [cancel] = m.progressed(hedge.number, 1.5)
    assert isinstance(cancel, Cancel)
    assert (cancel.number, cancel.failure.failure_class) == (first.number, FailureClass.CANCELLED)


def test_the_deadline_stops_everything() -> None:
    """Running attempts are cancelled and the call fails for want of time."""
    m = machine(deadline=10.0)
    first = start_of(m.begin(0.0))
    m.started(first.number, 0.0)
    m.progressed(first.number, 1.0)
    cancel, end = m.tick(10.0)
    assert isinstance(cancel, Cancel)
    assert isinstance(end, FailCall)
    assert end.reason is FailReason.DEADLINE


def test_a_caller_that_leaves_stops_everything() -> None:
    """Every running attempt is cancelled, and nothing more happens."""
    m = machine()
    first = start_of(m.begin(0.0))
    m.started(first.number, 0.0)
    [cancel] = m.abandoned()
    assert isinstance(cancel, Cancel)
    assert m.failed(first.number, failure(FailureClass.CANCELLED), 1.0) == []
    assert m.tick(50.0) == []
