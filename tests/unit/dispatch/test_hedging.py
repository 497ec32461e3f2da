"""The hedges' budget, and what becomes of a hedge that may not start."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from router_service.dispatch.attempt_loop import AttemptLoop
from router_service.dispatch.attempt_machine import AttemptMachine
from router_service.dispatch.attempt_plan import PlannedTarget, Start
from router_service.dispatch.hedging import MOST_SAVED, HedgeBudget, HedgeBudgets
from router_service.dispatch.planned_call import PlannedCall
from router_service.domain.attempt import Failure
from router_service.domain.decision import Rejection
from router_service.domain.errors import CallFailed
from router_service.domain.profile import Profile
from router_service.recording.untraced import UntracedCall
from service_common.clock import SystemClock
from service_common.deadline import Deadline
from service_common.failures import FailureClass
from service_common.vocabulary import AttemptKind, StreamRecovery
from tests.support.attempt_machines import A, B, machine, start_of
from tests.support.fakes import KeptLink
from tests.support.link_parts import Parts, catalogue, hello, spec
from tests.support.routing import ask, engine_for, snapshot
from tests.support.settings import attempt_limits


@given(share=st.floats(0, 1), calls=st.lists(st.booleans(), max_size=300))
def test_hedges_are_a_share_of_the_calls(share: float, calls: list[bool]) -> None:
    """Whenever calls turn out slow: of n calls at most 1 + share * n are hedged, and none where the share is 0."""
    budget = HedgeBudget(share)
    for slow in calls:
        budget.earn()
        if slow and budget.allows():
            budget.spend()
    assert budget.hedged <= (1 + share * len(calls) + 1e-6 if share else 0)
    assert budget.hedged + budget.denied == sum(calls)


def test_a_quiet_time_pays_for_a_few_hedges_only() -> None:
    """What is saved is bounded."""
    budget = HedgeBudget(0.5)
    for _ in range(1000):
        budget.earn()
    while budget.allows():
        budget.spend()
    assert budget.hedged == MOST_SAVED


def test_a_profile_keeps_its_budget_when_its_share_changes() -> None:
    """A reload neither gives hedges away nor takes the saved ones."""
    budgets = HedgeBudgets()
    budget = budgets.of(Profile("fast", {}, attempt_limits()))
    budget.spend()
    again = budgets.of(Profile("fast", {}, attempts=attempt_limits(hedge_budget=0.5)))
    assert again is budget
    again.earn()
    assert not again.allows()
    again.earn()
    assert again.allows()
    assert budgets.of(Profile("other", {}, attempt_limits())) is not budget


def test_a_refused_hedge_is_still_a_fallback() -> None:
    """The budget was used up; when the first target fails, the other one is tried all the same."""
    plan = (PlannedTarget("a/m", "a", hedge_after=1.0), PlannedTarget("b/m", "b"))
    limits = attempt_limits(hedge=True, retries_per_target=0)
    machine = AttemptMachine(plan, limits, 60.0, StreamRecovery.FAIL, Random(1))
    [first] = machine.begin(0.0)
    assert isinstance(first, Start)
    machine.started(first.number, 0.0)
    [hedge] = machine.tick(1.0)
    assert isinstance(hedge, Start)
    assert hedge.kind is AttemptKind.HEDGE
    assert machine.refused(hedge.number, 1.0) == []
    [fallback] = machine.failed(first.number, Failure(FailureClass.OVERLOADED, "busy"), 2.0)
    assert isinstance(fallback, Start)
    assert (fallback.target, fallback.kind) == ("b/m", AttemptKind.FALLBACK)


async def test_a_hedge_that_may_not_be_tried_is_no_budget_s_fault() -> None:
    """The reason that is told is the filters', and nothing counts as denied for lack of budget."""
    off = Rejection("b/m", "enabled", "switched off")
    profile = Profile("p", {"cost": 1.0}, attempts=attempt_limits(hedge=True))
    parts = Parts(catalogue(spec("a/m"), spec("b/m")), SystemClock())
    parts.link.attach(hello(), KeptLink(), "peer")
    view = parts.table.snapshot().targets["a/m"]
    decision = engine_for([view]).decide(ask(), snapshot(view), 60.0)
    budget = HedgeBudget(0.0)
    call = PlannedCall(
        request=ask(),
        decision=decision,
        profile=profile,
        plan=(PlannedTarget("a/m", "a", hedge_after=0.01), PlannedTarget("b/m", "b")),
        deadline=Deadline.after(parts.clock, 0.2),
        recovery=StreamRecovery.FAIL,
        recording=UntracedCall("", ""),
        admit=lambda target, _: off if target == "b/m" else view.spec,
        hedges=budget,
        began_at=parts.clock.now(),
    )
    loop = AttemptLoop(call, parts.registry, parts.clock, Random(1))
    with pytest.raises(CallFailed, match="b/m skipped: switched off"):
        [event async for event in loop.events()]
    assert budget.denied == 0


def test_a_hedge_waits_for_its_time() -> None:
    """Not before the target counts as slow."""
    m = machine((replace(A, hedge_after=2.0), B), limits=attempt_limits(hedge=True))
    first = start_of(m.begin(0.0))
    m.started(first.number, 1.0)
    assert m.wake_at == 3.0
    assert m.tick(2.9) == []
    assert start_of(m.tick(3.0)).kind is AttemptKind.HEDGE
