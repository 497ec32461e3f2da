"""Each filter: whom it rejects, whom not, and what it says."""

from datetime import date
from typing import Any

import pytest

from router_service.domain.decision import Classification, Expectation
from router_service.domain.policy import Preference
from router_service.domain.request import CapabilityRequirement
from service_common.vocabulary import ModelMode, Operation, Sensitivity, TargetState, Task
from tests.support.routing import ask, price, spec, view
from tests.unit.plugins.worlds import PLUGINS, context, rejected


@pytest.mark.parametrize(
    ("state", "name"),
    [
        (TargetState.DISABLED, "enabled"),
        (TargetState.DETACHED, "attached"),
        (TargetState.DRAINING, "attached"),
        (TargetState.NOT_CONFIGURED, "attached"),
        (TargetState.CIRCUIT_OPEN, "circuit"),
        (TargetState.COOLING, "circuit"),
        (TargetState.OUT, "circuit"),
        (TargetState.READY, None),
        (TargetState.SUSPECT, None),
        (TargetState.HALF_OPEN, None),
    ],
)
def test_each_state_is_one_filters_business(state: TargetState, name: str | None) -> None:
    """Every state in which a target cannot be used is rejected by exactly one filter."""
    row = view("a/b", state=state)
    rejecting = [one for one in ("enabled", "attached", "circuit") if rejected(one, context(), [row])]
    assert rejecting == ([] if name is None else [name])


def test_an_open_circuit_says_how_long_and_why_and_ends() -> None:
    """Until `available_at` the circuit rejects, with the time left and the last error; then it does not."""
    row = view("a/b", state=TargetState.CIRCUIT_OPEN, available_at=1041.0, state_reason="5 failures in a row")
    assert rejected("circuit", context(), [row]) == {"a/b": "open for 41 s more: 5 failures in a row"}
    assert rejected("circuit", context(now=1041.0), [row]) == {}


def test_availability_is_out_at_the_threshold_but_never_everybody() -> None:
    """At 0.95 a target is out; where all are, none is; a threshold of 0 turns the filter off."""
    ill, well = view("a/ill", {"availability": 0.95}), view("a/well", {"availability": 0.951})
    assert list(rejected("availability", context(), [ill, well])) == ["a/ill"]
    assert rejected("availability", context(), [ill]) == {}
    assert rejected("availability", context(), [ill, well], threshold=0) == {}


def test_availability_says_what_failed_and_when_the_target_is_back() -> None:
    """What is 0.9 is above 0.95 again when its distance from 1, halved every ten seconds, is 0.05."""
    ill = view("a/ill", {"availability": 0.9}, last_error="overloaded (503): busy", last_error_at=998.0)
    [reason] = rejected("availability", context(), [ill, view("a/well")]).values()
    assert reason == (
        "availability 0.90, not above 0.95 for about 10.0 s more: failed 2.0 s ago, overloaded (503): busy"
    )
    never = rejected("availability", context(), [ill, view("a/well", {"availability": 1.01})], threshold=1)
    assert never["a/ill"].startswith("availability 0.90, not above 1: failed")


def test_clearance_compares_levels_and_names_what_was_found() -> None:
    """Only a clearance below the sensitivity is rejected; the reason names the kinds of data, never the data."""
    rows = [view(spec(f"a/{level.label}", clearance=level)) for level in Sensitivity]
    found = Classification(sensitivity=Sensitivity.CONFIDENTIAL, detected_kinds=("card",))
    reasons = rejected("clearance", context(found=found), rows)
    assert set(reasons) == {"a/public", "a/internal"}
    assert reasons["a/internal"] == "cleared for internal, the request is confidential (found: card)"


@pytest.mark.parametrize(
    ("asked", "own", "out"),
    [("eu", "eu-west-1", False), ("eu-west-1", "eu", True), ("eu", "us", True), ("eu", "", True), ("EU", "eu", False)],
)
def test_data_residency_holds_where_it_is_required(asked: str, own: str, out: bool) -> None:
    """A region holds what lies in it; elsewhere and unknown are out; a mere wish rejects nobody."""
    row = view(spec("a/b", region=own))
    assert bool(rejected("region", context(request=ask(region=asked, region_required=True)), [row])) is out
    assert rejected("region", context(request=ask(region=asked)), [row]) == {}


def test_exclude_and_allow_take_targets_backends_and_aliases() -> None:
    """All three kinds of names work in both."""
    rows = [view("a/1"), view("a/2"), view("b/1"), view("c/1")]
    aliases = {"alias": ("a/2", "c/1")}
    for names, meant in ((("a/1",), {"a/1"}), (("a",), {"a/1", "a/2"}), (("alias",), {"a/2", "c/1"})):
        assert set(rejected("exclude", context(request=ask(exclude=names), aliases=aliases), rows)) == meant
        kept = {row.name for row in rows} - set(
            rejected("allow", context(request=ask(allow=names), aliases=aliases), rows)
        )
        assert kept == meant


def test_a_restriction_names_who_it_is_for() -> None:
    """With a restricting preference all others are out; one that only ranks rejects nobody."""
    rows = [view("a/1"), view("b/1")]
    strict = context(preference=Preference(("a/1",), restrict=True), steered_by="task creative")
    assert rejected("restriction", strict, rows) == {"b/1": "task creative is only for a/1"}
    assert rejected("restriction", context(preference=Preference(("a/1",))), rows) == {}


def test_use_keeps_chat_and_embeddings_apart() -> None:
    """Each operation rejects the models of the other use."""
    rows = [view("a/chat"), view(spec("a/embed", mode=ModelMode.EMBEDDING))]
    assert list(rejected("use", context(), rows)) == ["a/embed"]
    assert list(rejected("use", context(request=ask(request={"operation": Operation.EMBED})), rows)) == ["a/chat"]


def test_abilities_that_the_request_itself_needs() -> None:
    """A picture needs vision, a schema a model that keeps to it."""
    row = view(spec("a/plain", abilities=frozenset({"tools"})))
    found = Classification(needed_capabilities=("vision", "tools", "json_schema"))
    assert rejected("abilities", context(found=found), [row]) == {
        "a/plain": "cannot see pictures, cannot keep to a JSON schema"
    }


@pytest.mark.parametrize(
    ("facts", "asked", "out"),
    [
        ({"capabilities": {"coding": 5}}, ("coding", None), False),
        ({"capabilities": {"coding": 4}}, ("coding", None), True),
        ({"capabilities": {"coding": 7}}, ("coding", 8), True),
        ({"capabilities": {"coding": 8}}, ("coding", 8), False),
        ({"tags": frozenset({"translation"})}, ("translation", None), False),
        ({"tags": frozenset({"general"})}, ("translation", None), False),
        ({"tags": frozenset({"general"}), "abilities": frozenset()}, ("vision", None), True),
        ({"abilities": frozenset({"vision"})}, ("vision", None), False),
        ({"tags": frozenset({"translation"})}, ("translation", 5), True),
        ({}, ("translation", None), True),
    ],
)
def test_required_capabilities_by_rating_or_by_name(
    facts: dict[str, Any], asked: tuple[str, int | None], out: bool
) -> None:
    """A rating counts where there is one (5 by default); else a name, `general`, or an ability; a rating asked for
    must be a rating."""
    request = ask(required_capabilities=(CapabilityRequirement(*asked),))
    assert bool(rejected("capability", context(request=request), [view(spec("a/b", **facts))])) is out


def test_the_task_asks_for_its_capability_where_the_profile_says_so() -> None:
    """With `task_asks`, a creative request is served only by models that list creative_writing or general."""
    rows = [
        view(spec("a/poet", tags=frozenset({"creative_writing"}))),
        view(spec("a/clerk", tags=frozenset({"extraction"}))),
    ]
    creative = context(found=Classification(task=Task.CREATIVE))
    assert list(rejected("capability", creative, rows, task_asks=True)) == ["a/clerk"]
    assert rejected("capability", creative, rows) == {}
    assert rejected("capability", context(found=Classification()), rows, task_asks=True) == {}


def test_the_window_must_hold_the_prompt_and_the_answer_its_limit() -> None:
    """A prompt beyond the window and an answer beyond the model's longest are out; unknown passes."""
    rows = [view(spec("a/small", context_window=999)), view(spec("a/unknown", context_window=None)), view("a/big")]
    assert list(rejected("context_window", context(rows), rows)) == ["a/small"]
    short = [view(spec("a/short", max_output=100))]
    long_answer = context(short, request=ask(request={"max_output_tokens": 200}))
    assert rejected("context_window", long_answer, short) == {"a/short": "answers at most 100 tokens, 200 are allowed"}


def test_min_context_needs_a_known_window() -> None:
    """A smaller and an unknown window are out."""
    rows = [view(spec("a/small", context_window=8000)), view(spec("a/unknown", context_window=None)), view("a/big")]
    assert set(rejected("min_context", context(request=ask(min_context=100_000)), rows)) == {"a/small", "a/unknown"}


def test_a_retired_model_is_out_from_the_day_after_and_names_its_successor() -> None:
    """On the day itself it still serves."""
    rows = [
        view(spec("a/old", retires_on=date(2026, 6, 14), successor="a/new")),
        view(spec("a/today", retires_on=date(2026, 6, 15))),
    ]
    assert rejected("retired", context(), rows) == {"a/old": "retired on 2026-06-14, use a/new"}


def test_the_deadline_holds_measured_targets_to_the_whole_answer_and_others_to_the_first_token() -> None:
    """A guess about a never-tried target's speed does not keep it out; a measured one that is too slow is out."""
    rows = [view("a/slow", {"samples": 5}), view("a/untried")]
    expectations = {row.name: Expectation(1, 12.0, 0.5, 10, 10, 10) for row in rows}
    assert list(rejected("deadline", context(expectations=expectations, time_left=10.0), rows)) == ["a/slow"]
    assert set(rejected("deadline", context(expectations=expectations, time_left=0.4), rows)) == {"a/slow", "a/untried"}


def test_max_cost_counts_what_was_spent_and_needs_a_price() -> None:
    """What earlier attempts cost is part of the limit; an unknown price is out; the relaxation admits."""
    rows = [view(spec("a/b", price=price(1, 2))), view(spec("a/unpriced", price=None))]
    limit = 4_000_000
    request = ask(max_cost=limit)
    assert set(rejected("max_cost", context(rows, request), rows)) == {"a/unpriced"}
    assert set(rejected("max_cost", context(rows, request, spent=1_000_001), rows)) == {"a/b", "a/unpriced"}
    found = PLUGINS.filter("max_cost", {}).reject(context(rows, request, spent=1_500_000), rows[:1])[0]
    assert found.relaxation == "max_cost 0.0045"
    assert found.distance == pytest.approx(0.125)


def test_max_cost_per_1k_is_of_this_request() -> None:
    """$3 for 2,000 tokens a million times over is $0.0015 per 1K."""
    rows = [view(spec("a/b", price=price(1, 2)))]
    assert rejected("max_cost_per_1k", context(rows, ask(max_cost_per_1k=1_500_000)), rows) == {}
    assert list(rejected("max_cost_per_1k", context(rows, ask(max_cost_per_1k=1_499_999)), rows)) == ["a/b"]


def test_max_latency_is_of_the_whole_answer() -> None:
    """2 s expected pass a limit of 2 s and not one of 1.9 s."""
    rows = [view("a/b")]
    assert rejected("max_latency", context(rows, ask(max_latency=2.0)), rows) == {}
    assert rejected("max_latency", context(rows, ask(max_latency=1.9)), rows) == {
        "a/b": "expected 2.0 s, at most 1.9 s"
    }


def test_required_quality_is_a_constraint_of_the_caller_and_a_wish_of_the_profile() -> None:
    """The caller's figure may leave nobody; the profile's then does not apply. Reports of callers count."""
    rows = [view(spec("a/low", quality=0.5)), view(spec("a/high", quality=0.9))]
    assert list(rejected("required_quality", context(request=ask(required_quality=0.8)), rows)) == ["a/low"]
    assert len(rejected("required_quality", context(request=ask(required_quality=0.95)), rows)) == 2
    assert list(rejected("required_quality", context(), rows, default=0.8)) == ["a/low"]
    assert rejected("required_quality", context(), rows, default=0.95) == {}
    praised = view(spec("a/low", quality=0.5), {"reported_quality": 0.9, "quality_by_task": {"default": (0.9, 50)}})
    assert rejected("required_quality", context(request=ask(required_quality=0.8)), [praised]) == {}
