"""The hedges' budget, and what becomes of a hedge that may not start."""

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from router_service.dispatch.attempt_machine import AttemptMachine
from router_service.dispatch.attempt_plan import PlannedTarget, Start
from router_service.dispatch.hedging import MOST_SAVED, HedgeBudget, HedgeBudgets
from router_service.domain.attempt import Failure
from router_service.domain.profile import AttemptLimits, Profile
from service_common.failures import FailureClass
from service_common.vocabulary import AttemptKind, StreamRecovery


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
    budget = budgets.of(Profile("fast", {}))
    budget.spend()
    again = budgets.of(Profile("fast", {}, attempts=AttemptLimits(hedge_budget=0.5)))
    assert again is budget
    again.earn()
    assert not again.allows()
    again.earn()
    assert again.allows()
    assert budgets.of(Profile("other", {})) is not budget


def test_a_refused_hedge_is_still_a_fallback() -> None:
    """The budget was used up; when the first target fails, the other one is tried all the same."""
    plan = (PlannedTarget("a/m", "a", hedge_after=1.0), PlannedTarget("b/m", "b"))
    limits = AttemptLimits(hedge=True, retries_per_target=0)
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
