"""Whatever happens in whatever order, the attempt machine keeps its promises."""

from random import Random

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from router_service.dispatch.attempt_machine import AttemptMachine
from router_service.dispatch.attempt_plan import (
    Cancel,
    FailCall,
    FailReason,
    Finish,
    Instruction,
    PlannedTarget,
    Reset,
    Start,
)
from router_service.domain.attempt import Failure
from router_service.domain.profile import AttemptLimits
from service_common.failures import POLICIES, FailureClass
from service_common.vocabulary import AttemptKind, StreamRecovery
from tests.support.settings import attempt_limits

DEADLINE = 60.0

targets = st.builds(
    PlannedTarget,
    name=st.sampled_from(["a/1", "a/2", "b/1", "c/1", "d/1"]),
    backend=st.sampled_from(["a", "b", "c"]),
    context_window=st.sampled_from([None, 1000, 2000]),
    can_continue=st.booleans(),
    first_token_limit=st.sampled_from([1.0, 30.0]),
    hedge_after=st.sampled_from([None, 0.5]),
    last_resort=st.booleans(),
)
failures = st.builds(
    Failure,
    failure_class=st.sampled_from(sorted(set(FailureClass) - {FailureClass.CANCELLED})),
    message=st.just("x"),
    retry_after=st.sampled_from([None, 0.0, 2.0, 100.0]),
)


class AnyOrder(RuleBasedStateMachine):
    """Plays dispatcher, workers, clock and caller against one machine."""

    @initialize(
        plan=st.lists(targets, min_size=1, max_size=5, unique_by=lambda t: t.name),
        limits=st.builds(
            attempt_limits,
            targets=st.integers(1, 4),
            retries_per_target=st.integers(0, 2),
            total=st.integers(1, 6),
            wait_for_retry_after=st.sampled_from([0.0, 5.0]),
            hedge=st.booleans(),
        ),
        recovery=st.sampled_from(StreamRecovery),
        seed=st.integers(0, 99),
    )
    def begin(self, plan: list[PlannedTarget], limits: AttemptLimits, recovery: StreamRecovery, seed: int) -> None:
        """Begin a call."""
        self.now, self.limits, self.plan = 0.0, limits, {t.name: t for t in plan}
        self.recovery = recovery
        self.machine = AttemptMachine(plan, limits, DEADLINE, recovery, Random(seed))
        self.pending: dict[int, Start] = {}
        self.running: dict[int, Start] = {}
        self.made = self.refused_by_worker = self.refused_prefills = 0
        self.ends: list[Instruction] = []
        self.shown_by: int | None = None
        self.too_small = 0
        self.take(self.machine.begin(0.0))

    def take(self, instructions: list[Instruction]) -> None:
        """Carry the instructions out, holding them against the promises."""
        for instruction in instructions:
            assert not self.ends, "nothing may follow the end"
            match instruction:
                case Start():
                    window = self.plan[instruction.target].context_window
                    retry = instruction.kind is AttemptKind.RETRY
                    assert retry or window is None or window >= self.too_small
                    assert not instruction.prefill or self.plan[instruction.target].can_continue
                    self.pending[instruction.number] = instruction
                case Cancel():
                    self.running.pop(instruction.number, None) or self.pending.pop(instruction.number)
                case Reset():
                    assert self.recovery is not StreamRecovery.FAIL
                    self.shown_by = None
                case Finish() | FailCall():
                    self.ends.append(instruction)

    @precondition(lambda self: self.pending)
    @rule(data=st.data())
    def dispatcher_takes_it(self, data: st.DataObject) -> None:
        """The dispatcher starts an attempt."""
        number = data.draw(st.sampled_from(sorted(self.pending)))
        self.running[number] = self.pending.pop(number)
        self.machine.started(number, self.now)
        self.made += 1

    @precondition(lambda self: self.pending)
    @rule(data=st.data(), retry_after=st.sampled_from([None, 1.0]))
    def dispatcher_refuses(self, data: st.DataObject, retry_after: float | None) -> None:
        """The dispatcher cannot start an attempt."""
        number = data.draw(st.sampled_from(sorted(self.pending)))
        del self.pending[number]
        self.take(self.machine.refused(number, self.now, retry_after))

    @precondition(lambda self: self.running and not self.pending)
    @rule(data=st.data(), tool_call=st.booleans())
    def a_piece_arrives(self, data: st.DataObject, tool_call: bool) -> None:
        """A running attempt sends a piece of the answer."""
        number = data.draw(st.sampled_from(sorted(self.running)))
        self.take(self.machine.progressed(number, self.now, tool_call=tool_call))
        self.shown_by = number
        assert list(self.running) == [number], "the others are cancelled as soon as one shows something"

    @precondition(lambda self: self.running and not self.pending)
    @rule(data=st.data(), failure=failures)
    def an_attempt_fails(self, data: st.DataObject, failure: Failure) -> None:
        """A running attempt fails."""
        number = data.draw(st.sampled_from(sorted(self.running)))
        start = self.running.pop(number)
        policy = POLICIES[failure.failure_class]
        self.refused_by_worker += not policy.costs_attempt
        if policy.needs_larger_context:
            self.too_small = max(self.too_small, (self.plan[start.target].context_window or 0) + 1)
        self.take(self.machine.failed(number, failure, self.now))
        if not policy.fall_back:
            assert self.ends, "a final failure ends the call"

    @precondition(lambda self: self.running and not self.pending)
    @rule(data=st.data())
    def an_attempt_answers(self, data: st.DataObject) -> None:
        """A running attempt gives a whole answer."""
        number = data.draw(st.sampled_from(sorted(self.running)))
        del self.running[number]
        self.take(self.machine.succeeded(number))
        assert self.ends == [Finish(number)]

    @precondition(lambda self: not self.pending)
    @rule()
    def time_passes(self) -> None:
        """The machine is woken when it asked to be."""
        if not self.ends:
            assert self.machine.wake_at <= DEADLINE
            self.now = max(self.now, self.machine.wake_at)
        self.take(self.machine.tick(self.now))
        if self.now >= DEADLINE:
            assert self.ends, "nothing outlives the deadline"

    @precondition(lambda self: not self.pending and not self.ends)
    @rule()
    def the_caller_leaves(self) -> None:
        """The caller goes away."""
        for instruction in self.machine.abandoned():
            assert isinstance(instruction, Cancel)
            del self.running[instruction.number]
        assert not self.running
        self.ends.append(FailCall(FailReason.NOTHING_STARTED, None))

    @invariant()
    def one_end_and_bounded_attempts(self) -> None:
        """Exactly one end at most, and never more attempts than allowed."""
        if not hasattr(self, "machine"):
            return
        assert len(self.ends) <= 1
        last_resorts = sum(target.last_resort for target in self.plan.values())
        assert self.made <= self.limits.total + last_resorts + self.refused_by_worker
        if self.ends:
            assert not self.running
            assert not self.pending

    @invariant()
    def something_is_under_way_until_the_end(self) -> None:
        """A call never hangs: until its end an attempt is under way, or a time is set."""
        if hasattr(self, "machine") and not self.ends and not self.running and not self.pending:
            assert self.machine.wake_at < DEADLINE


TestAnyOrder = AnyOrder.TestCase
TestAnyOrder.settings = settings(max_examples=200, stateful_step_count=30, deadline=None)
