"""Attempt machines for tests: three targets, of which the second cannot continue an answer."""

from collections.abc import Sequence
from random import Random

from router_service.dispatch.attempt_machine import AttemptMachine
from router_service.dispatch.attempt_plan import Instruction, PlannedTarget, Start
from router_service.domain.attempt import Failure
from router_service.domain.profile import AttemptLimits
from service_common.failures import FailureClass
from service_common.vocabulary import StreamRecovery
from tests.support.settings import attempt_limits

A, B, C = (PlannedTarget(f"{name}/m", name, 1000, can_continue=name != "b") for name in "abc")


def machine(
    plan: Sequence[PlannedTarget] = (A, B, C),
    *,
    limits: AttemptLimits | None = None,
    deadline: float = 100.0,
    recovery: StreamRecovery = StreamRecovery.FAIL,
) -> AttemptMachine:
    """A machine at time 0 with a fixed seed."""
    return AttemptMachine(plan, limits or attempt_limits(), deadline, recovery, Random(1))


def start_of(instructions: Sequence[Instruction]) -> Start:
    """The one start among the instructions."""
    [start] = [i for i in instructions if isinstance(i, Start)]
    return start


def failure(failure_class: FailureClass, retry_after: float | None = None) -> Failure:
    """A failure of that class."""
    return Failure(failure_class, failure_class.label, retry_after=retry_after)


def begun(m: AttemptMachine) -> Start:
    """The machine's first attempt, started at time 0."""
    first = start_of(m.begin(0.0))
    m.started(first.number, 0.0)
    return first
