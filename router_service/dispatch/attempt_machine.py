"""Which target is tried when: the attempt loop's rules as a state machine without I/O.

Events go in with the time at which they happened (monotonic seconds), instructions come out. The asyncio shell in
`attempt_loop.py` carries them out and calls `tick` at `wake_at`. What each failure class allows stands in
`service_common.failures.POLICIES`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

from msgspec.structs import replace

from router_service.dispatch.attempt_plan import (
    Cancel,
    FailCall,
    FailReason,
    Finish,
    Instruction,
    PlannedTarget,
    Reset,
    Start,
    TargetProgress,
)
from router_service.domain.attempt import Failure
from router_service.domain.profile import AttemptLimits
from service_common.failures import POLICIES, FailureClass
from service_common.vocabulary import AttemptKind, StreamRecovery

SUPERSEDED = Failure(FailureClass.CANCELLED, "another attempt answered first")
CALL_OVER = Failure(FailureClass.CANCELLED, "the call is over")
CALLER_LEFT = Failure(FailureClass.CANCELLED, "the caller went away")
DEADLINE_PASSED = Failure(FailureClass.TIMEOUT_TOTAL, "the caller's deadline passed")


@dataclass(slots=True)
class _Running:
    """An attempt under way; times are monotonic seconds, None: no such limit now.

    `fair_by`: from then on silence speaks against the target, not against the caller's deadline.
    """

    start: Start
    fair_by: float = 0.0
    first_token_by: float | None = None
    silent_by: float | None = None
    hedge_at: float | None = None


@dataclass(slots=True)
class AttemptMachine:
    """The attempts of one call.

    Attributes:
        plan: targets in the order to try.
        limits: how often and how long.
        deadline: end of the call, monotonic seconds.
        recovery: what happens when the answering target fails after something was shown.
        random: for the back-off's jitter.
    """

    plan: Sequence[PlannedTarget]
    limits: AttemptLimits
    deadline: float
    recovery: StreamRecovery
    random: Random
    _targets: dict[str, TargetProgress] = field(init=False)
    _running: dict[int, _Running] = field(init=False, default_factory=dict)
    _scheduled: tuple[float, Start] | None = field(init=False, default=None)
    _number: int = field(init=False, default=0)
    _made: int = field(init=False, default=0)
    _winner: int | None = field(init=False, default=None)
    _shown: bool = field(init=False, default=False)
    _not_to_continue: bool = field(init=False, default=False)
    _continuing: bool = field(init=False, default=False)
    _failed_target: str = field(init=False, default="")
    _min_context: int = field(init=False, default=0)
    _last_failure: Failure | None = field(init=False, default=None)
    _done: bool = field(init=False, default=False)

    def __post_init__(self) -> None:
        """Every target of the plan begins untried."""
        self._targets = {target.name: TargetProgress(target) for target in self.plan}

    @property
    def wake_at(self) -> float:
        """When `tick` is to be called, unless an event comes first."""
        soonest = self.deadline if self._scheduled is None else min(self.deadline, self._scheduled[0])
        for running in self._running.values():
            for at in (running.first_token_by, running.silent_by, running.hedge_at):
                if at is not None and at < soonest:
                    soonest = at
        return soonest

    # ------------------------------------------------------------------------------------------ events

    def begin(self, now: float) -> list[Instruction]:
        """The call begins."""
        return self._next(now, None)

    def started(self, number: int, now: float) -> None:
        """The dispatcher took the attempt: from now on it runs."""
        running = self._running[number]
        target = self._targets[running.start.target]
        target.attempts += 1
        self._made += 1
        running.first_token_by = now + self._first_token_share(target.planned, now)
        configured = self.limits.first_token_timeout
        own_limit = target.planned.first_token_limit if configured is None else configured
        running.fair_by = now + min(own_limit, self.limits.per_attempt_timeout, target.planned.telling_silence)
        if self.limits.hedge and target.planned.hedge_after is not None and self._made == 1:
            running.hedge_at = now + target.planned.hedge_after

    def refused(self, number: int, now: float, retry_after: float | None = None) -> list[Instruction]:
        """The attempt was not started (a filter, a lost claim, no slot): it costs nothing."""
        start = self._running.pop(number).start
        target = self._targets[start.target]
        if retry_after is not None:
            target.available_at = now + retry_after
        if start.kind is AttemptKind.HEDGE:
            target.launched = False  # it was an extra: as a fallback it may still be tried
        if self._done or self._running:
            return []
        return self._next(now, start.replaced)

    def progressed(self, number: int, now: float, *, tool_call: bool = False) -> list[Instruction]:
        """A piece of the answer arrived, which the caller is shown."""
        running = self._running.get(number)
        if running is None or self._done:
            return []
        running.first_token_by = running.hedge_at = None
        running.silent_by = now + self.limits.idle_timeout
        self._shown = True
        self._not_to_continue = self._not_to_continue or tool_call
        if self._winner == number:
            return []
        self._winner = number
        return self._cancel_running(SUPERSEDED, but=number)

    def outgrown(self) -> None:
        """More was shown than a target can be given to continue."""
        self._not_to_continue = True

    def resumed(self, now: float) -> None:
        """The caller reads again after a pause in which nothing could arrive: silence counts from now."""
        for running in self._running.values():
            if running.silent_by is not None:
                running.silent_by = now + self.limits.idle_timeout

    def succeeded(self, number: int) -> list[Instruction]:
        """An attempt gave a whole answer: the call is over."""
        if self._done or self._running.pop(number, None) is None:
            return []
        self._done = True
        return [*self._cancel_running(SUPERSEDED), Finish(number)]

    def failed(self, number: int, failure: Failure, now: float) -> list[Instruction]:
        """An attempt failed."""
        running = self._running.pop(number, None)
        if running is None or self._done:
            return []
        return self._after_failure(running.start, failure, now)

    def abandoned(self) -> list[Instruction]:
        """The caller went away: stop everything."""
        self._done = True
        return self._cancel_running(CALLER_LEFT)

    def tick(self, now: float) -> list[Instruction]:
        """Time has passed."""
        if self._done:
            return []
        if now >= self.deadline:
            self._done = True
            return [*self._cancel_running(DEADLINE_PASSED), FailCall(FailReason.DEADLINE, self._last_failure)]
        instructions: list[Instruction] = []
        for number, running in list(self._running.items()):
            instructions += self._check_times(number, running, now)
        if self._scheduled is not None and now >= self._scheduled[0]:
            start, self._scheduled = self._scheduled[1], None
            instructions.append(self._launch(start))
        return instructions

    # ------------------------------------------------------------------------------------------ time

    def _check_times(self, number: int, running: _Running, now: float) -> list[Instruction]:
        if self._done:
            return []
        if running.first_token_by is not None and now >= running.first_token_by:
            hurried = now < running.fair_by
            failure = Failure(FailureClass.TIMEOUT_FIRST_TOKEN, "no token came in time", hurried=hurried)
            return self._give_up(number, failure, now)
        if running.silent_by is not None and now >= running.silent_by:
            message = f"silent for {self.limits.idle_timeout:g} s in the middle of the answer"
            return self._give_up(number, Failure(FailureClass.TIMEOUT_IDLE, message), now)
        if running.hedge_at is not None and now >= running.hedge_at:
            running.hedge_at = None
            return self._hedge(running.start)
        return []

    def _give_up(self, number: int, failure: Failure, now: float) -> list[Instruction]:
        start = self._running.pop(number).start
        return [Cancel(number, failure), *self._after_failure(start, failure, now)]

    def _first_token_share(self, target: PlannedTarget, now: float) -> float:
        """Seconds until the first token: the target's own limit, but while another is left at most half the time.

        Halving leaves half of the remaining time to those that follow, so that a fallback always has time. Where none
        follows, a limit that was only learned would give up for nothing: the profile's own limits count. An answer
        that flows is under the idle limit and the call's deadline alone.
        """
        left = max(0.0, self.deadline - now)
        if self._candidates():
            return min(target.first_token_limit, self.limits.per_attempt_timeout, left / 2)
        configured = self.limits.first_token_timeout
        return min(left, self.limits.per_attempt_timeout, left if configured is None else configured)

    # ------------------------------------------------------------------------------------------ after a failure

    def _after_failure(self, start: Start, failure: Failure, now: float) -> list[Instruction]:
        self._note(start, failure, now)
        if self._winner == start.number:
            return self._recover(start, failure, now)
        if not POLICIES[failure.failure_class].fall_back:
            return self._fail(failure)
        if self._running:
            return []
        return self._retry(start, failure, now) or self._next(now, failure)

    def _note(self, start: Start, failure: Failure, now: float) -> None:
        """Remember what the failure says of its target."""
        target = self._targets[start.target]
        policy = POLICIES[failure.failure_class]
        if start.prefill and failure.failure_class is FailureClass.UNSUPPORTED:
            target.refuses_prefill, target.launched = True, False
            target.attempts -= 1
            return
        if not policy.costs_attempt:
            target.attempts -= 1
            self._made -= 1
            return
        self._last_failure = failure
        if failure.retry_after is not None:
            target.available_at = now + failure.retry_after
        if policy.needs_larger_context:
            self._min_context = max(self._min_context, (target.planned.context_window or 0) + 1)

    def _retry(self, start: Start, failure: Failure, now: float) -> list[Instruction]:
        """Another attempt on the same target, where its failure class and the limits allow one; else nothing.

        A retry never takes the attempt that an untried target needs: an answer is likelier there.
        """
        target = self._targets[start.target]
        policy = POLICIES[failure.failure_class]
        wait = failure.retry_after or 0.0
        if policy.cools_down:
            allowed = failure.retry_after is not None and wait <= self.limits.wait_for_retry_after
        else:
            allowed = policy.retry
        wait = max(wait, self._backoff(target.attempts, failure.failure_class))
        spare = self.limits.total - self._made - self._untried()
        within_limits = target.attempts <= self.limits.retries_per_target and spare > 0
        if not allowed or not within_limits or now + wait >= self.deadline:
            return []
        return self._schedule(now, wait, Start(0, start.target, AttemptKind.RETRY, failure, start.prefill))

    def _backoff(self, attempts: int, failure_class: FailureClass) -> float:
        """Seconds: exponential with full jitter; none after a lost worker, since a replica of it may answer at once."""
        if failure_class is FailureClass.WORKER_LOST:
            return 0.0
        ceiling = min(self.limits.backoff_max, self.limits.backoff_base * 2.0 ** max(0, attempts - 1))
        return self.random.uniform(0.0, ceiling)

    def _recover(self, start: Start, failure: Failure, now: float) -> list[Instruction]:
        """The answering target failed after something was shown: go on as the caller chose."""
        self._winner = None
        self._failed_target = start.target
        if self.recovery is StreamRecovery.FAIL or not POLICIES[failure.failure_class].fall_back:
            return self._fail(failure)
        if self.recovery is StreamRecovery.RESET or self._not_to_continue:
            if self.recovery is StreamRecovery.CONTINUE:
                return self._fail(failure)
            return self._restart(now, failure, retry=start)
        self._continuing = True
        target = self._choose()
        if target is None:
            return self._cannot_continue(now, failure)
        following = Start(0, target.name, AttemptKind.FALLBACK, failure, prefill=True)
        return [Reset(start.target, restart=False), self._launch(following)]

    def _cannot_continue(self, now: float, failure: Failure | None) -> list[Instruction]:
        """No target is left that can continue the answer."""
        if self.recovery is StreamRecovery.CONTINUE_OR_RESET:
            return self._restart(now, failure)
        return self._fail(failure)

    def _restart(self, now: float, failure: Failure | None, retry: Start | None = None) -> list[Instruction]:
        """Void what was shown and begin anew, on the next target or once more on the same."""
        self._shown = self._not_to_continue = self._continuing = False
        again = Start(0, retry.target, AttemptKind.RETRY, failure, prefill=False) if retry else None
        following = self._retry(again, failure, now) if again and failure else []
        if not following and self._scheduled is None:
            following = self._next(now, failure)
        if self._done:
            return following
        return [Reset(self._failed_target, restart=True), *following]

    # ------------------------------------------------------------------------------------------ the next target

    def _next(self, now: float, failure: Failure | None) -> list[Instruction]:
        """Start the next target that may be tried; wait for one that cools down; or fail the call."""
        if self._scheduled is not None:
            return []
        target = self._choose()
        if target is not None:
            kind = AttemptKind.FALLBACK if self._made else AttemptKind.FIRST
            return [self._launch(Start(0, target.name, kind, failure, self._continuing))]
        if self._continuing:
            return self._cannot_continue(now, failure)
        return self._sit_out(now, failure)

    def _untried(self) -> int:
        """How many targets are still to be tried within the limits."""
        tried = sum(1 for target in self._targets.values() if target.attempts)
        left = sum(1 for planned in self._candidates() if not planned.last_resort)
        return min(left, max(0, self.limits.targets - tried))

    def _choose(self) -> PlannedTarget | None:
        return next(iter(self._candidates()), None)

    def _candidates(self) -> list[PlannedTarget]:
        """Targets that may be tried next, in plan order."""
        tried = sum(1 for target in self._targets.values() if target.attempts)
        within_limits = self._made < self.limits.total and tried < self.limits.targets
        return [
            target.planned
            for target in self._targets.values()
            if not target.launched
            and (within_limits or target.planned.last_resort)
            and (target.planned.context_window is None or target.planned.context_window >= self._min_context)
            and not (self._continuing and (target.refuses_prefill or not target.planned.can_continue))
        ]

    def _sit_out(self, now: float, failure: Failure | None) -> list[Instruction]:
        """No other target is left: wait for the one that may be used soonest, if limits and deadline allow."""
        waiting = [(t.available_at, t.planned.name) for t in self._targets.values() if t.available_at is not None]
        if not waiting or self._made >= self.limits.total:
            return self._fail(failure)
        at, name = min(waiting)
        target = self._targets[name]
        if failure is not None:  # a provider that names no time, or one in the past, is not hammered
            at = max(at, now + self._backoff(target.attempts, failure.failure_class))
        if at >= self.deadline:
            return self._fail(failure)
        target.available_at = None
        return self._schedule(now, at - now, Start(0, name, AttemptKind.RETRY, failure, prefill=False))

    def _hedge(self, slow: Start) -> list[Instruction]:
        """A second attempt on another backend while the first is silent."""
        backend = self._targets[slow.target].planned.backend
        other = next((target for target in self._candidates() if target.backend != backend), None)
        if other is None:
            return []
        return [self._launch(Start(0, other.name, AttemptKind.HEDGE, None, prefill=False))]

    # ------------------------------------------------------------------------------------------ instructions

    def _launch(self, start: Start) -> Start:
        """Number the attempt; the shell answers with `started` or `refused`."""
        self._number += 1
        numbered = replace(start, number=self._number)
        self._targets[start.target].launched = True
        self._running[self._number] = _Running(numbered)
        return numbered

    def _schedule(self, now: float, wait: float, start: Start) -> list[Instruction]:
        if wait <= 0:
            return [self._launch(start)]
        self._scheduled = (now + wait, start)
        return []

    def _cancel_running(self, failure: Failure, but: int | None = None) -> list[Instruction]:
        others = [number for number in self._running if number != but]
        for number in others:
            del self._running[number]
        return [Cancel(number, failure) for number in others]

    def _fail(self, failure: Failure | None) -> list[Instruction]:
        self._done = True
        final = self._last_failure or failure
        times = [target.available_at for target in self._targets.values() if target.available_at is not None]
        reason = FailReason.FAILED if self._made else FailReason.NOTHING_STARTED
        return [*self._cancel_running(CALL_OVER), FailCall(reason, final, min(times, default=None))]
