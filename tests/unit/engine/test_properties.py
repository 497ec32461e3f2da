"""What holds for every decision, whatever the targets, the table and the request."""

from random import Random
from typing import Any, TypeVar

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from router_service.contracts.engine import Hop
from router_service.domain.decision import Decision
from router_service.domain.profile import Profile
from router_service.domain.request import CapabilityRequirement, Request
from router_service.domain.target import BackendPolicy, Price, TargetView
from router_service.engine.engine import RoutingEngine
from service_common.configuration.defaults import built_in_profiles
from service_common.vocabulary import ModelMode, Sensitivity, TargetState
from tests.support.routing import ask, engine_for, policy, price, snapshot, spec, view
from tests.support.settings import attempt_limits

PROFILES = (*built_in_profiles(), "committee", "last")
EXTRA = {"last": Profile("last", {"quality": 1.0}, attempts=attempt_limits(targets=1), last_resort="b0/m0")}
ENSEMBLES = policy(ensembles={"committee": {"cost": 1.0, "quality": 2.0, "latency": 1.0}})
WORDS = ("write", "a", "python", "function", "summarize", "call", "+49 30 901820", "4111111111111111", "why", "?")
BACKENDS = {name: BackendPolicy(name, "openai_wire", name) for name in ("b0", "b1", "b2", "zz")}
T = TypeVar("T")


def optional(strategy: st.SearchStrategy[T]) -> st.SearchStrategy[T | None]:
    """Nothing said, or one of these."""
    return st.none() | strategy


@st.composite
def tables(draw: st.DrawFn) -> tuple[TargetView, ...]:
    """One to six rows in any state."""
    return tuple(draw(rows(f"b{index % 3}/m{index}")) for index in range(draw(st.integers(1, 6))))


@st.composite
def rows(draw: st.DrawFn, name: str) -> TargetView:
    """One row in any state, measured or not."""
    target = spec(
        name,
        mode=draw(st.sampled_from((ModelMode.CHAT, ModelMode.CHAT, ModelMode.EMBEDDING))),
        price=draw(optional(st.builds(Price, *[st.integers(0, 10**11)] * 3))),
        context_window=draw(optional(st.integers(1, 200_000))),
        max_output=draw(optional(st.integers(1, 10_000))),
        quality=draw(st.floats(0, 1)),
        capabilities=draw(st.dictionaries(st.sampled_from(("reasoning", "coding")), st.integers(1, 10))),
        tags=draw(st.frozensets(st.sampled_from(("general", "analysis")))),
        abilities=draw(st.frozensets(st.sampled_from(("vision", "tools")))),
        clearance=draw(st.sampled_from(Sensitivity)),
        region=draw(st.sampled_from(("", "eu-west-1", "us"))),
        enabled=draw(st.booleans()) or draw(st.booleans()),
        tier=draw(st.integers(0, 4)),
    )
    metrics: dict[str, Any] = {"availability": draw(st.floats(0.5, 1)), "health": draw(st.floats(0, 1))}
    if draw(st.booleans()):
        metrics |= {
            "samples": draw(st.integers(1, 1000)),
            "success_rate": draw(st.floats(0, 1)),
            "first_token": draw(st.floats(0, 30)),
            "tokens_per_second": draw(st.floats(0.1, 1000)),
        }
    return view(
        target,
        metrics,
        state=draw(st.sampled_from((TargetState.READY, TargetState.READY, *TargetState))),
        available_at=draw(optional(st.floats(900, 1100))),
        in_flight=draw(st.integers(0, 20)),
        queued=draw(st.integers(0, 5)),
        capacity=draw(st.integers(1, 10)),
        resident=draw(st.booleans()),
        rate_limit_left=draw(optional(st.floats(0, 1))),
        last_error_at=draw(optional(st.floats(0, 1000))),
    )


@st.composite
def requests(draw: st.DrawFn) -> Request:
    """Any request that names only what exists."""
    requirement = st.builds(
        CapabilityRequirement, st.sampled_from(("reasoning", "coding", "analysis")), optional(st.integers(1, 10))
    )
    named = st.lists(st.sampled_from(("b0", "b1", "pair")), max_size=1).map(tuple)
    return ask(
        " ".join(draw(st.lists(st.sampled_from(WORDS), min_size=1, max_size=40))),
        request={
            "images": draw(st.integers(0, 1)),
            "tools": draw(st.integers(0, 1)),
            "max_output_tokens": draw(optional(st.integers(1, 5000))),
        },
        profile=draw(st.sampled_from(("", *PROFILES))),
        model=draw(st.sampled_from(("", "", "pair"))),
        sensitivity=draw(optional(st.sampled_from(Sensitivity))),
        max_cost=draw(optional(st.integers(0, 10**8))),
        max_cost_per_1k=draw(optional(st.integers(0, 10**8))),
        max_latency=draw(optional(st.floats(0.01, 60))),
        required_quality=draw(optional(st.floats(0, 1))),
        min_context=draw(optional(st.integers(1, 200_000))),
        required_capabilities=tuple(draw(st.lists(requirement, max_size=2))),
        preferred_capabilities=tuple(draw(st.lists(requirement, max_size=2))),
        exclude=draw(named),
        allow=draw(named),
        region=draw(st.sampled_from(("", "eu", "us"))),
        region_required=draw(st.booleans()),
        affinity_key=draw(st.sampled_from(("", "someone"))),
    )


def decide(views: tuple[TargetView, ...], request: Request, time_left: float = 60.0, seed: int = 1) -> Decision:
    """A decision over these rows, with an alias of the first two."""
    return engine_over(views, seed).decide(request, snapshot(*views), time_left, cursor=seed)


def engine_over(views: tuple[TargetView, ...], seed: int = 1) -> RoutingEngine:
    """An engine with an ensemble, a last resort, and an alias of the first two targets."""
    aliases = {"pair": tuple(one.name for one in views[:2])}
    return engine_for(views, random=Random(seed), profiles=EXTRA, policy=ENSEMBLES, aliases=aliases, backends=BACKENDS)


@given(tables(), requests(), st.floats(0.01, 100))
@settings(max_examples=300, deadline=None)
def test_a_plan_keeps_every_promise(views: tuple[TargetView, ...], request: Request, time_left: float) -> None:
    """No rejected target is planned, none above its clearance, none that breaks a constraint; no target twice."""
    decision = decide(views, request, time_left)
    rejected = {one.target for one in decision.rejections}
    admitted = {one.target for one in decision.candidates}
    by_name = {one.name: one for one in views}
    assert len(set(decision.plan)) == len(decision.plan)
    assert not rejected & set(decision.plan)
    assert not rejected & admitted
    assert set(decision.plan) <= admitted
    options = request.options
    for name in decision.plan:
        row, expected = by_name[name], decision.expectations[name]
        assert row.spec.clearance >= decision.classification.sensitivity
        assert row.spec.enabled
        assert row.state not in (TargetState.DISABLED, TargetState.DETACHED, TargetState.DRAINING, TargetState.OUT)
        assert set(decision.classification.needed_capabilities) <= row.spec.abilities
        assert row.spec.context_window is None or expected.input_tokens <= row.spec.context_window
        assert options.max_cost is None or (expected.cost is not None and expected.cost <= options.max_cost)
        assert options.max_latency is None or expected.latency <= options.max_latency
        assert options.required_quality is None or row.spec.quality >= options.required_quality
        assert options.min_context is None or (row.spec.context_window or 0) >= options.min_context
        assert row.spec.backend not in options.exclude
        in_time = (expected.latency if row.metrics.samples else expected.first_token) <= time_left
        assert in_time or "deadline" in decision.waived
        open_circuit = row.state is TargetState.CIRCUIT_OPEN and (row.available_at is None or row.available_at > 1000)
        assert not open_circuit or "circuit" in decision.waived


@given(tables(), requests(), st.floats(0.01, 100))
@settings(max_examples=300, deadline=None)
def test_a_filter_is_only_waived_where_nothing_else_is_left(
    views: tuple[TargetView, ...], request: Request, time_left: float
) -> None:
    """With a target whose time suffices and whose circuit is closed among the candidates, nothing is waived."""
    decision = decide(views, request, time_left)
    assert decision.waived <= {"deadline", "circuit"}
    for candidate in decision.candidates if decision.waived else ():
        expected = candidate.expectation
        typical = expected.latency if candidate.view.metrics.samples else expected.first_token
        assert candidate.view.state is TargetState.CIRCUIT_OPEN or typical > time_left


@given(tables(), requests())
@settings(max_examples=150, deadline=None)
def test_every_target_that_was_considered_is_accounted_for(views: tuple[TargetView, ...], request: Request) -> None:
    """With nothing asked for, each chat target is either a candidate or rejected, once."""
    decision = decide(views, request)
    names = [one.target for one in decision.candidates] + [one.target for one in decision.rejections]
    assert len(names) == len(set(names))
    if not request.options.model:
        assert {one.name for one in views if one.spec.mode is ModelMode.CHAT} <= set(names)


@given(tables(), requests())
@settings(max_examples=150, deadline=None)
def test_scores_lie_between_0_and_1(views: tuple[TargetView, ...], request: Request) -> None:
    """Every scorer's value and every total is in [0, 1]; weights sum to 1."""
    for candidate in decide(views, request).candidates:
        assert 0 <= candidate.score <= 1
        assert all(0 <= value.value <= 1 for value in candidate.scores)
        assert abs(sum(value.weight for value in candidate.scores) - 1) < 1e-9


@given(tables(), requests(), st.integers(0, 1000))
@settings(max_examples=100, deadline=None)
def test_the_same_question_and_seed_give_the_same_decision(
    views: tuple[TargetView, ...], request: Request, seed: int
) -> None:
    """A decision is a pure function of request, snapshot, configuration and seed."""
    assert decide(views, request, seed=seed) == decide(views, request, seed=seed)


@given(tables(), requests())
@settings(max_examples=100, deadline=None)
def test_what_is_planned_passes_the_check_before_its_hop(views: tuple[TargetView, ...], request: Request) -> None:
    """Without a change in the world, no planned target is refused at its hop."""
    engine = engine_over(views)
    table = snapshot(*views)
    decision = engine.decide(request, table, 60.0)
    hop = Hop(time_left=60.0, spent=0, tried=frozenset())
    assert [engine.recheck(request, decision, name, table, hop) for name in decision.plan] == [None] * len(
        decision.plan
    )


def measure(profile: str, decision: Decision) -> float:
    """What a single-criterion profile is after: more is better."""
    first = decision.candidates[0]
    if profile == "quality":
        return first.view.spec.quality
    if profile == "latency":
        return -first.expectation.latency * (1 + first.view.load)
    return -float(first.expectation.cost or 0) / max(0.01, first.view.success_rate)


@given(tables(), rows("zz/new"), st.sampled_from(("cost", "latency", "quality")))
@settings(max_examples=200, deadline=None)
def test_another_target_never_makes_the_choice_worse(
    views: tuple[TargetView, ...], added: TargetView, profile: str
) -> None:
    """Under a single-criterion profile the first choice is at least as good with one target more to choose from.

    For `cost`, the wish for quality is turned off: a better target would rightly drive out a cheaper, worse one.
    """
    few = tuple(usable(one) for one in views)
    more = (*few, usable(added))
    own = {profile: Profile(profile, {profile: 1.0}, attempt_limits())}
    before = engine_for(few, profiles=own).decide(ask(profile=profile), snapshot(*few), 1e6)
    after = engine_for(more, profiles=own).decide(ask(profile=profile), snapshot(*more), 1e6)
    assert measure(profile, after) >= measure(profile, before) - 1e-9


def usable(row: TargetView) -> TargetView:
    """The same target, ready for any request."""
    target = replace(
        row.spec,
        mode=ModelMode.CHAT,
        enabled=True,
        clearance=Sensitivity.CONFIDENTIAL,
        context_window=None,
        price=row.spec.price or price(1, 1),
    )
    return replace(
        row,
        spec=target,
        state=TargetState.READY,
        in_flight=0,
        rate_limit_left=None,
        metrics=replace(row.metrics, availability=1.0),
    )
