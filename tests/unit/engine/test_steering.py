"""What the configuration's sections do: tiers, tasks, domains, lengths, ordered rules, ensembles, chains."""

from datetime import UTC, datetime
from typing import Any

import pytest

from router_service.domain.decision import Decision
from router_service.domain.errors import InvalidRequest
from router_service.domain.policy import Condition, Domain, Preference, Rule
from router_service.domain.request import Request
from router_service.domain.target import TargetView
from service_common.vocabulary import Complexity, Sensitivity, Task
from tests.support.routing import StillClock, ask, engine_for, policy, price, snapshot, spec, view, with_profile
from tests.support.settings import attempt_limits

SMALL, LARGE, CODER = (
    view(spec("a/small", quality=0.5, price=price(0.1, 0.1))),
    view(spec("b/large", quality=0.95, price=price(10, 30))),
    view(spec("c/coder", quality=0.8, price=price(1, 3))),
)
ALL = (SMALL, LARGE, CODER)


def decide(
    request: Request, views: tuple[TargetView, ...] = ALL, *, clock: StillClock | None = None, **sections: Any
) -> Decision:
    """A decision under a policy of these sections."""
    return engine_for(views, policy=policy(**sections), clock=clock).decide(request, snapshot(*views), 60.0)


@pytest.mark.parametrize(
    ("text", "options", "first"),
    [
        ("word " * 49, {}, "a/small"),
        ("word " * 50, {}, "b/large"),
        ("word " * 199, {}, "b/large"),
        ("word " * 200, {}, "c/coder"),
        ("def merge(a, b):\n    return sorted(a + b)", {}, "c/coder"),
        ("word " * 10, {"complexity": Complexity.COMPLEX}, "c/coder"),
        ("word " * 300, {"complexity": Complexity.parse("moderate")}, "b/large"),
    ],
)
def test_tiers_by_words_and_code_and_the_callers_own(text: str, options: dict[str, Any], first: str) -> None:
    """Under 50 words simple, under 200 medium, more complex; code is its own tier; the caller's word wins."""
    tiers = {
        Complexity.SIMPLE: Preference(("a/small",)),
        Complexity.MEDIUM: Preference(("b/large",)),
        Complexity.COMPLEX: Preference(("c/coder",)),
        Complexity.CODE: Preference(("c/coder",)),
    }
    decision = decide(ask(text, **options), tiers=tiers)
    assert decision.plan[0] == first
    assert decision.matched_rule == f"tier {decision.classification.complexity.label}"


def test_a_task_list_ranks_or_restricts() -> None:
    """A list that ranks puts its targets first and keeps the others; one that restricts rejects the others."""
    ranked = decide(ask("x", task=Task.CREATIVE), tasks={Task.CREATIVE: Preference(("c/coder", "a/small"))})
    assert ranked.plan == ("c/coder", "a/small", "b/large")
    strict = decide(ask("x", task=Task.CREATIVE), tasks={Task.CREATIVE: Preference(("c/coder",), restrict=True)})
    assert strict.plan == ("c/coder",)
    assert {one.filter for one in strict.rejections} == {"restriction"}
    assert "task creative is only for c/coder" in strict.rejections[0].reason


def test_a_profile_named_for_one_criterion_is_not_steered_by_tasks() -> None:
    """Asking for the cheapest gives the cheapest, whatever the list of the task says."""
    tasks = {Task.CREATIVE: Preference(("b/large",))}
    assert decide(ask("x", task=Task.CREATIVE, profile="latency"), tasks=tasks).matched_rule == ""
    assert decide(ask("x", task=Task.CREATIVE), tasks=tasks).plan[0] == "b/large"


@pytest.mark.parametrize(
    ("request_", "domain"),
    [
        (ask("The patient had a heart attack after the surgery"), "medical"),
        (ask("The plaintiff asks for damages"), "legal"),
        (ask("The patient's plaintiff"), "medical"),
        (ask("Impatiently waiting"), ""),
        (ask("hello", request={"labels": {"department": "law"}}), "legal"),
        (ask("hello", domain="medical"), "medical"),
    ],
)
def test_domains_by_keyword_label_or_caller(request_: Request, domain: str) -> None:
    """A subject is recognised by whole words, by labels, or named by the caller; its targets lead."""
    domains = (
        Domain("medical", Preference(("b/large",)), keywords=("patient", "heart attack", "surgery")),
        Domain("legal", Preference(("c/coder",)), keywords=("plaintiff",), labels={"department": "law"}),
    )
    decision = decide(request_, domains=domains)
    assert decision.classification.domain == domain
    assert decision.matched_rule == (f"domain {domain}" if domain else "")
    if domain:
        assert decision.plan[0] == {"medical": "b/large", "legal": "c/coder"}[domain]


@pytest.mark.parametrize(
    ("known", "hint"), [(("medical", "legal"), 'Did you mean "medical"?'), ((), "The configuration has none.")]
)
def test_a_domain_that_does_not_exist_is_refused(known: tuple[str, ...], hint: str) -> None:
    """A caller's domain that does not exist would silently steer nothing: it is an error that names what was meant."""
    domains = tuple(Domain(name, Preference(("b/large",))) for name in known)
    with pytest.raises(InvalidRequest) as caught:
        decide(ask("hello", domain="medicl"), domains=domains)
    assert [one.field for one in caught.value.violations] == ["routing.domain"]
    assert hint in caught.value.violations[0].description


@pytest.mark.parametrize(
    ("words", "options", "first"),
    [(100, {}, ""), (40_000, {}, "long"), (120_000, {}, "very long"), (10, {"o": 9000}, "out")],
)
def test_length_rules_by_prompt_and_by_answer(words: int, options: dict[str, int], first: str) -> None:
    """Prompts above 30,000 and 100,000 tokens and answers above 8,000 have targets of their own."""
    views = tuple(view(spec(name, context_window=2_000_000)) for name in ("a/small", "b/large", "c/coder"))
    lengths = (
        Rule("very long", Condition(input_tokens_above=100_000), Preference(("b/large",))),
        Rule("long", Condition(input_tokens_above=30_000), Preference(("c/coder",))),
        Rule("out", Condition(output_tokens_above=8_000), Preference(("a/small",))),
    )
    request = ask("word " * words, request={"max_output_tokens": options.get("o")})
    assert decide(request, views, lengths=lengths).matched_rule == (f"length {first}" if first else "")


@pytest.mark.parametrize(
    ("when", "options", "request_fields", "holds"),
    [
        (Condition(sensitivities=frozenset({Sensitivity.PUBLIC})), {"sensitivity": Sensitivity.PUBLIC}, {}, True),
        (Condition(sensitivities=frozenset({Sensitivity.PUBLIC})), {}, {}, False),
        (Condition(tasks=frozenset({Task.CREATIVE})), {"task": Task.CREATIVE}, {}, True),
        (Condition(complexities=frozenset({Complexity.CODE})), {}, {}, False),
        (Condition(labels={"team": "a"}), {}, {"labels": {"team": "a", "x": "y"}}, True),
        (Condition(labels={"team": "a"}), {}, {"labels": {"team": "b"}}, False),
        (Condition(tenants=frozenset({"acme"})), {}, {"tenant": "acme"}, True),
        (Condition(regions=frozenset({"eu"})), {"region": "eu"}, {}, True),
        (Condition(hours=(11 * 60, 13 * 60)), {}, {}, True),
        (Condition(hours=(13 * 60, 11 * 60)), {}, {}, False),
        (Condition(hours=(22 * 60, 12 * 60 + 1)), {}, {}, True),
        (Condition(weekdays=frozenset({0})), {}, {}, True),
        (Condition(weekdays=frozenset({1})), {}, {}, False),
        (Condition(input_tokens_below=1000), {}, {}, True),
        (Condition(min_context_above=100), {"min_context": 200}, {}, True),
        (Condition(min_context_above=100), {}, {}, False),
        (Condition(), {}, {}, True),
    ],
)
def test_each_condition_of_a_rule(
    when: Condition, options: dict[str, Any], request_fields: dict[str, Any], holds: bool
) -> None:
    """A rule applies exactly when what it says is true of the request (Monday noon, UTC)."""
    decision = decide(
        ask(request=request_fields, **options), rules=(Rule("it", when, Preference(("b/large",), restrict=True)),)
    )
    assert (decision.plan == ("b/large",)) is holds
    assert decision.matched_rule == ("it" if holds else "")


def test_the_first_rule_that_matches_wins_and_rules_go_before_other_sections() -> None:
    """Of two rules that fit the first one steers; tasks are not looked at then."""
    decision = decide(
        ask("x", task=Task.CREATIVE),
        rules=(
            Rule("never", Condition(tenants=frozenset({"nobody"})), Preference(("a/small",))),
            Rule("first", Condition(), Preference(("c/coder",))),
            Rule("second", Condition(), Preference(("a/small",))),
        ),
        tasks={Task.CREATIVE: Preference(("b/large",))},
    )
    assert (decision.matched_rule, decision.plan[0]) == ("first", "c/coder")


def test_a_rule_may_choose_the_profile() -> None:
    """`use: profile` applies that profile instead of the caller's."""
    rule = Rule("cheap at night", Condition(hours=(22 * 60, 6 * 60)), Preference(profile="quality"))
    night = StillClock(wall=datetime(2026, 6, 15, 23, 0, tzinfo=UTC))
    assert decide(ask(profile="cost"), rules=(rule,), clock=night).profile == "quality"
    assert decide(ask(profile="cost"), rules=(rule,)).profile == "cost"


def test_a_caller_who_names_a_model_is_steered_by_rules_only() -> None:
    """Lists of preference do not override a named model; a rule that restricts does."""
    tasks = {Task.CREATIVE: Preference(("b/large",), restrict=True)}
    assert decide(ask(model="a/small", task=Task.CREATIVE), tasks=tasks).plan == ("a/small",)
    rule = Rule("only large", Condition(), Preference(("b/large",), restrict=True))
    assert decide(ask(model="a/small"), rules=(rule,)).plan == ()


def test_an_ensemble_votes_with_weights_and_shows_the_votes() -> None:
    """The target with most weight of first choices leads; every profile's vote is in the decision."""
    ensembles = {"committee": {"cost": 1.0, "quality": 2.0, "least_loaded": 0.5}}
    decision = decide(ask(profile="committee"), ensembles=ensembles)
    assert decision.profile == "committee"
    assert decision.picker == "vote"
    assert {vote.profile: vote.target for vote in decision.votes} == {
        "cost": "c/coder",
        "quality": "b/large",
        "least_loaded": "a/small",
    }
    assert sum(vote.weight for vote in decision.votes) == pytest.approx(1)
    assert decision.plan[0] == "b/large"
    assert set(decision.plan) == {"a/small", "b/large", "c/coder"}


def test_equal_scores_get_equal_points_in_a_vote() -> None:
    """Where one profile sees no difference, its vote does not order the targets by their names."""
    views = (view(spec("a/dear", price=price(9, 9))), view(spec("b/cheap")), view(spec("c/cheap")))
    ensembles = {"committee": {"quality": 1.0, "cost": 1.0}}
    decision = decide(ask(profile="committee"), views, ensembles=ensembles)
    values = {candidate.target: candidate.values for candidate in decision.candidates}
    assert values["b/cheap"] == values["c/cheap"]
    assert [values[name][0] for name in ("a/dear", "b/cheap")] == [1.0, 1.0]


def test_an_ensemble_is_listed_among_the_profiles_with_limits() -> None:
    """Who carries out an ensemble's plan finds its attempt limits under its name: those of the heaviest member."""
    profiles = with_profile("few", attempts=attempt_limits(targets=2))
    engine = engine_for(ALL, profiles=profiles, policy=policy(ensembles={"both": {"few": 2.0, "cost": 1.0}}))
    assert engine.catalogue.profiles["both"].attempts.targets == 2
    assert len(engine.decide(ask(profile="both"), snapshot(*ALL), 60.0).plan) == 2


def test_a_profiles_chain_is_an_explicit_order() -> None:
    """The chain's targets lead in its order, whatever their scores; the others follow."""
    profiles = with_profile("fixed", chain=("a/small", "c/coder"))
    decision = engine_for(ALL, profiles=profiles).decide(ask(profile="fixed"), snapshot(*ALL), 60.0)
    assert decision.plan == ("a/small", "c/coder", "b/large")


def test_a_retired_model_is_replaced_by_its_successor_and_a_retiring_one_warned_of() -> None:
    """Before the day a warning, after it the named successor stands in."""
    old = spec("a/old", retires_on=datetime(2026, 7, 1).date(), successor="a/new")
    views = (view(old), view("a/new"))
    before = decide(ask(model="a/old"), views)
    assert before.plan == ("a/old",)
    assert before.warnings == ("a/old retires on 2026-07-01, use a/new",)
    after = decide(ask(model="a/old"), views, clock=StillClock(wall=datetime(2026, 7, 2, tzinfo=UTC)))
    assert after.plan == ("a/new",)
    assert after.warnings == ("a/old is retired, its successor a/new stands in",)
    assert [(one.target, one.filter) for one in after.rejections] == [("a/old", "retired")]
