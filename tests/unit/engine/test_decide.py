"""What the engine decides, as a caller of it sees."""

from typing import Any

import pytest

from router_service.contracts.engine import Engine, Hop
from router_service.domain.errors import InvalidRequest
from router_service.domain.request import CapabilityRequirement, PromptMessage
from router_service.domain.target import BackendPolicy, TargetView
from service_common.vocabulary import ModelMode, Operation, Sensitivity, TargetState
from tests.support.routing import DOLLAR, ask, engine_for, price, snapshot, spec, view, with_profile
from tests.support.settings import attempt_limits


def three() -> tuple[TargetView, TargetView, TargetView]:
    """A cheap, a fast and a good target."""
    return (
        view(spec("groq/fast", quality=0.6, price=price(1, 1)), {"first_token": 0.1, "tokens_per_second": 400.0}),
        view(spec("ollama/cheap", quality=0.5, price=price(0, 0)), {"first_token": 2.0, "tokens_per_second": 20.0}),
        view(spec("openai/good", quality=0.95, price=price(5, 15)), {"first_token": 0.8, "tokens_per_second": 60.0}),
    )


@pytest.mark.parametrize(
    ("profile", "first"),
    [("cost", "openai/good"), ("latency", "groq/fast"), ("quality", "openai/good"), ("least_loaded", "groq/fast")],
)
def test_single_criterion_profiles_choose_by_their_criterion(profile: str, first: str) -> None:
    """Each profile's first choice is the best by its own measure; `cost` keeps to its quality of 0.8."""
    views = three()
    assert engine_for(views).decide(ask(profile=profile), snapshot(*views), 60.0).plan[0] == first


def test_cost_prefers_the_cheapest_of_those_good_enough_and_keeps_the_others_as_fallbacks() -> None:
    """Those of quality 0.8 lead by cost, the others follow by cost; the caller's own limit removes them."""
    views = three()
    decision = engine_for(views).decide(ask(profile="cost"), snapshot(*views), 60.0)
    assert decision.plan == ("openai/good", "ollama/cheap", "groq/fast")
    assert decision.rejections == ()
    strict = engine_for(views).decide(ask(profile="cost", required_quality=0.8), snapshot(*views), 60.0)
    assert strict.plan == ("openai/good",)


def test_cost_takes_the_cheapest_where_nobody_is_good_enough() -> None:
    """With no target of quality 0.8, cost alone decides."""
    views = three()[:2]
    decision = engine_for(views).decide(ask(profile="cost"), snapshot(*views), 60.0)
    assert decision.plan == ("ollama/cheap", "groq/fast")


def test_the_decision_tells_scores_weights_and_expectations() -> None:
    """A candidate's score is the weighted mean of its scorers' values; weights sum to 1."""
    views = three()
    engine: Engine = engine_for(views)
    decision = engine.decide(ask(), snapshot(*views), 60.0)
    best = decision.candidates[0]
    assert decision.profile == "balanced"
    assert decision.plan == tuple(candidate.target for candidate in decision.candidates)
    assert {value.scorer: value.weight for value in best.scores} == pytest.approx(
        {"quality": 0.4, "cost": 0.3, "latency": 0.3}
    )
    assert best.score == pytest.approx(sum(value.value * value.weight for value in best.scores))
    assert decision.expectations[best.target].input_tokens > 0


def test_round_robin_follows_the_cursor() -> None:
    """Each position of the cursor puts another target first."""
    views = three()
    engine = engine_for(views)
    table = snapshot(*views)
    firsts = [engine.decide(ask(profile="round_robin"), table, 60.0, cursor=cursor).plan[0] for cursor in range(4)]
    assert firsts == ["groq/fast", "ollama/cheap", "openai/good", "groq/fast"]


def test_a_target_by_name_is_the_only_one_tried() -> None:
    """Asking for one target considers no other."""
    views = three()
    decision = engine_for(views).decide(ask(model="ollama/cheap"), snapshot(*views), 60.0)
    assert decision.plan == ("ollama/cheap",)
    assert decision.rejections == ()


def test_an_alias_and_its_chain() -> None:
    """An alias stands for its targets; its chain says in which order they are tried."""
    views = three()
    table = snapshot(*views)
    aliases = {"pair": ("groq/fast", "openai/good")}
    assert set(engine_for(views, aliases=aliases).decide(ask(model="pair"), table, 60.0).plan) == set(aliases["pair"])
    chained = engine_for(views, aliases=aliases, chains={"pair": ("openai/good", "ollama/cheap", "groq/fast")})
    assert chained.decide(ask(model="pair", profile="latency"), table, 60.0).plan == (
        "openai/good",
        "ollama/cheap",
        "groq/fast",
    )


def test_confidential_stays_with_cleared_targets_and_says_why() -> None:
    """A confidential request reaches only targets of that clearance; others are rejected by `clearance`."""
    views = (view("openai/a"), view(spec("ollama/b", clearance=Sensitivity.CONFIDENTIAL)))
    decision = engine_for(views).decide(ask(sensitivity=Sensitivity.CONFIDENTIAL), snapshot(*views), 60.0)
    assert decision.plan == ("ollama/b",)
    assert [(one.target, one.filter, one.relaxation) for one in decision.rejections] == [("openai/a", "clearance", "")]


def test_embeddings_and_chat_do_not_mix() -> None:
    """An embedding request considers embedding models alone, a chat request chat models alone."""
    views = (view("openai/chat"), view(spec("openai/embed", mode=ModelMode.EMBEDDING)))
    engine = engine_for(views)
    embed = ask(request={"operation": Operation.EMBED})
    assert engine.decide(embed, snapshot(*views), 60.0).plan == ("openai/embed",)
    assert engine.decide(ask(), snapshot(*views), 60.0).plan == ("openai/chat",)
    wrong = engine.decide(ask(model="openai/embed"), snapshot(*views), 60.0)
    assert (wrong.plan, wrong.rejections[0].filter) == ((), "use")


def test_an_embedding_models_window_holds_each_text_by_itself() -> None:
    """Many short texts fit a small window, one long text does not; cost and limits count all of them together."""
    views = (view(spec("openai/embed", mode=ModelMode.EMBEDDING, context_window=100)),)
    engine = engine_for(views)
    short = PromptMessage("user", "A short text of a few words about trunk lines.")
    many = ask(request={"operation": Operation.EMBED, "messages": (short,) * 250})
    decision = engine.decide(many, snapshot(*views), 60.0)
    expected = decision.expectations["openai/embed"]
    assert decision.plan == ("openai/embed",)
    assert expected.window_tokens < 20 < 2000 < expected.input_tokens < 250 * 20
    assert engine.recheck(many, decision, "openai/embed", snapshot(*views), Hop(60.0, 0, frozenset())) is None
    long = ask(request={"operation": Operation.EMBED, "messages": (short, PromptMessage("user", "word " * 300))})
    [rejection] = engine.decide(long, snapshot(*views), 60.0).rejections
    assert rejection.reason.startswith("window 100 tokens, the longest text is about 3")


@pytest.mark.parametrize(
    ("options", "field", "hint"),
    [
        ({"profile": "balancd"}, "routing.profile", '"balanced"'),
        ({"model": "gpt-4o-mni"}, "routing.model", '"openai/gpt-4o-mini"'),
        ({"exclude": ("openay",)}, "routing.exclude[0]", '"openai"'),
        (
            {"required_capabilities": (CapabilityRequirement("reasonning"),)},
            "routing.required_capabilities[0].name",
            '"reasoning"',
        ),
    ],
)
def test_unknown_names_are_refused_with_the_nearest(options: dict[str, Any], field: str, hint: str) -> None:
    """A misspelt profile, target, backend or capability is an error that names the field and what was meant."""
    views = (view("openai/gpt-4o-mini"), view("groq/llama"))
    with pytest.raises(InvalidRequest) as caught:
        engine_for(views).decide(ask(**options), snapshot(*views), 60.0)
    assert caught.value.violations[0].field == field
    assert hint in caught.value.violations[0].description


def test_a_list_of_known_names_that_is_cut_says_so() -> None:
    """Where no name is near, the first known ones are listed, and three dots stand for the others."""
    views = tuple(view(f"openai/model-{number}") for number in range(9))
    with pytest.raises(InvalidRequest) as caught:
        engine_for(views).decide(ask(model="zzz"), snapshot(*views), 60.0)
    assert caught.value.violations[0].description.endswith("openai/model-5, ...")


def test_every_wrong_name_is_reported_at_once() -> None:
    """Two mistakes give two violations."""
    views = (view("openai/a"),)
    with pytest.raises(InvalidRequest) as caught:
        engine_for(views).decide(ask(profile="x", model="y"), snapshot(*views), 60.0)
    assert len(caught.value.violations) == 2


def test_a_discovered_target_counts_only_where_its_backend_may_discover() -> None:
    """What a worker reports but the configuration does not list is used only with `discover`."""
    listed, found = view("ollama/listed"), view("ollama/found")
    table = snapshot(listed, found)
    assert engine_for([listed]).decide(ask(), table, 60.0).plan == ("ollama/listed",)
    open_backend = {"ollama": BackendPolicy("ollama", "ollama", "ollama", discover=True)}
    assert "ollama/found" in engine_for([listed], backends=open_backend).decide(ask(), table, 60.0).plan


def test_a_configured_target_without_a_worker_is_rejected_not_forgotten() -> None:
    """A target that no worker announced shows among the rejections."""
    views = (view("openai/a"), view("groq/b"))
    decision = engine_for(views).decide(ask(), snapshot(views[0]), 60.0)
    assert [(one.target, one.filter) for one in decision.rejections] == [("groq/b", "attached")]


def test_the_plan_keeps_to_the_number_of_targets_and_adds_the_last_resort() -> None:
    """The last resort follows although the list is full; without clearance it does not."""
    views = [view(spec(f"openai/m{index}", quality=0.9 - index / 10)) for index in range(5)]
    profiles = with_profile("two", attempts=attempt_limits(targets=2), last_resort="openai/m4")
    decision = engine_for(views, profiles=profiles).decide(ask(profile="two"), snapshot(*views), 60.0)
    assert decision.plan == ("openai/m0", "openai/m1", "openai/m4")
    alone = engine_for(views, profiles=profiles).decide(ask(profile="two", model="openai/m1"), snapshot(*views), 60.0)
    assert alone.plan == ("openai/m1", "openai/m4")
    cleared = [view(spec(f"openai/m{index}", clearance=Sensitivity.CONFIDENTIAL)) for index in range(4)] + [views[4]]
    secret = ask(profile="two", sensitivity=Sensitivity.CONFIDENTIAL)
    assert engine_for(cleared, profiles=profiles).decide(secret, snapshot(*cleared), 60.0).plan == (
        "openai/m0",
        "openai/m1",
    )


def test_targets_that_cannot_begin_now_go_last() -> None:
    """A full, a silent and a rate-limited target come after one that is free, however good they are."""
    views = (
        view(spec("a/full", quality=1.0), in_flight=10),
        view(spec("a/silent", quality=0.9), state=TargetState.SUSPECT),
        view(spec("a/spent", quality=0.8), rate_limit_left=0.0),
        view(spec("a/free", quality=0.1)),
    )
    plan = engine_for(views).decide(ask(profile="quality"), snapshot(*views), 60.0).plan
    assert plan == ("a/free", "a/full", "a/silent", "a/spent")


def test_nothing_fits_names_each_constraint_and_the_nearest_relaxation() -> None:
    """The explanation names every target with its filter, and the cheapest way out."""
    views = (view(spec("openai/dear", price=price(50, 150))), view(spec("openai/mini", price=price(1, 4))))
    engine = engine_for(views)
    decision = engine.decide(ask(max_cost=1000), snapshot(*views), 60.0)
    text = engine.explain(decision)
    assert decision.plan == ()
    assert "openai/dear: max_cost: expected" in text
    relaxed = next(one for one in decision.rejections if one.target == "openai/mini").relaxation
    assert f"{relaxed} would admit openai/mini" in text
    assert decision.warnings == (f"{relaxed} would admit openai/mini",)
    admitted = ask(max_cost=round(float(relaxed.removeprefix("max_cost ")) * DOLLAR))
    assert engine.decide(admitted, snapshot(*views), 60.0).plan == ("openai/mini",)


def test_no_relaxation_is_offered_that_would_not_admit() -> None:
    """A target that is too dear and not cleared is not admitted by more money; two limits are relaxed together."""
    views = (view(spec("a/uncleared", price=price(50, 50), clearance=Sensitivity.PUBLIC)), view(spec("a/slow")))
    decision = engine_for(views).decide(ask(max_cost=1, max_latency=0.1), snapshot(*views), 60.0)
    found = {one.target: one.relaxation for one in decision.rejections}
    assert found["a/uncleared"] == ""
    assert found["a/slow"].startswith("max_cost ")
    assert " and max_latency " in found["a/slow"]


def test_recheck_sees_the_state_of_this_moment() -> None:
    """A planned target that was disabled, lost clearance, or is too dear by now is refused before its hop."""
    views = (view(spec("openai/a", price=price(1, 1))), view("groq/b"))
    engine = engine_for(views)
    request = ask(max_cost=DOLLAR)
    decision = engine.decide(request, snapshot(*views), 60.0)
    hop = Hop(time_left=60.0, spent=0, tried=frozenset())
    assert engine.recheck(request, decision, "openai/a", snapshot(*views), hop) is None
    disabled = snapshot(view("openai/a", state=TargetState.DISABLED), views[1])
    lowered = snapshot(view(spec("openai/a", clearance=Sensitivity.PUBLIC)), views[1])
    spent = Hop(time_left=60.0, spent=DOLLAR, tried=frozenset())
    late = Hop(time_left=0.001, spent=0, tried=frozenset())
    for table, then, expected in (
        (disabled, hop, "enabled"),
        (lowered, hop, "clearance"),
        (snapshot(*views), spent, "max_cost"),
        (snapshot(*views), late, "deadline"),
    ):
        rejection = engine.recheck(request, decision, "openai/a", table, then)
        assert rejection is not None
        assert rejection.filter == expected


def test_a_simulated_target_is_named_as_such() -> None:
    """The decision warns that a planned target is simulated."""
    views = (view(spec("openai/a", simulated=True)),)
    assert engine_for(views).decide(ask(), snapshot(*views), 60.0).warnings == ("openai/a is simulated",)


def test_a_change_of_a_figure_is_nearer_than_taking_a_choice_back() -> None:
    """Where more money or fewer exclusions would help, the money is offered."""
    views = (view(spec("a/dear", price=price(50, 50))), view("b/excluded"))
    engine = engine_for(views)
    decision = engine.decide(ask(max_cost=3_000_000, exclude=("b",)), snapshot(*views), 60.0)
    assert decision.plan == ()
    assert engine.explain(decision).endswith("would admit a/dear")


def test_a_name_without_tag_and_the_tag_latest_are_one_model_of_an_ollama() -> None:
    """Ollama reads `tiny` as `tiny:latest`; other kinds know no tags, and another tag is another model."""
    views = (view("ollama/tiny"), view("ollama/phi4:latest"), view("openai/tiny"))
    kinds = {"ollama": "ollama", "openai": "openai_wire"}
    backends = {name: BackendPolicy(name, kind, name) for name, kind in kinds.items()}
    engine = engine_for(views, backends=backends)
    assert engine.decide(ask(model="ollama/tiny:latest"), snapshot(*views), 60.0).plan == ("ollama/tiny",)
    assert engine.decide(ask(model="ollama/phi4"), snapshot(*views), 60.0).plan == ("ollama/phi4:latest",)
    for wrong in ("ollama/tiny:7b", "openai/tiny:latest", "ollama/", "nobody/tiny:latest"):
        with pytest.raises(InvalidRequest, match="no target or alias"):
            engine.decide(ask(model=wrong), snapshot(*views), 60.0)
