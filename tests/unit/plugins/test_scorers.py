"""Each scorer: its formula, and that better is more."""

from typing import Any

import pytest

from router_service.domain.decision import Classification
from router_service.domain.policy import Preference
from router_service.domain.request import CapabilityRequirement
from service_common.vocabulary import Complexity, Locality, Task
from tests.support.routing import ask, price, spec, view
from tests.unit.plugins.worlds import PLUGINS, context, expected, scored


def test_cost_is_half_at_the_reference_and_divided_by_the_success_rate() -> None:
    """$0.01 per 1K tokens scores 0.5; at half the success rate it counts double; free scores 1, unknown 0."""
    rows = [
        view(spec("a/reference", price=price(10, 10)), {"success_rate": 1.0}),
        view(spec("a/failing", price=price(10, 10)), {"success_rate": 0.5}),
        view(spec("a/free", price=price(0, 0)), {"success_rate": 1.0}),
        view(spec("a/unknown", price=None)),
    ]
    assert scored("cost", context(rows), rows) == [0.5, 0.3333, 1.0, 0.0]
    assert scored("cost", context(rows), rows, reference=0.02)[0] == 0.6667


@pytest.mark.parametrize(("asked", "first"), [(None, "a/good"), (0.5, "a/fair"), (0.0, "a/poor")])
def test_the_cheapest_that_is_good_enough_leads(asked: float | None, first: str) -> None:
    """Good enough is the profile's floor; a caller who requires less, or more, has said what it is."""
    rows = [
        view(spec("a/dear", quality=0.95, price=price(20, 20))),
        view(spec("a/good", quality=0.8, price=price(10, 10))),
        view(spec("a/fair", quality=0.6, price=price(1, 1))),
        view(spec("a/poor", quality=0.3, price=price(0.1, 0.1))),
    ]
    rows = [row for row in rows if row.spec.quality >= (asked or 0.0)]
    values = scored("cost", context(rows, ask(required_quality=asked)), rows, quality_floor=0.8)
    assert rows[values.index(max(values))].name == first


def test_the_balanced_terms_tell_dear_from_cheap() -> None:
    """Over its reference, cost counts: a dear and a cheap model are far apart, not 0.994 and 0.9997."""
    rows = [view(spec("a/dear", price=price(5, 15))), view(spec("a/cheap", price=price(0.15, 0.6)))]
    dear, cheap = scored("cost", context(rows), rows)
    assert cheap - dear > 0.4


def test_latency_is_half_at_the_reference_and_counts_load() -> None:
    """3 s score 0.5; a target with all slots busy counts twice as slow."""
    rows = [view("a/idle"), view("a/full", in_flight=10)]
    expectations = {row.name: expected(row, latency=3.0) for row in rows}
    assert scored("latency", context(expectations=expectations), rows) == [0.5, 0.3333]
    assert scored("latency", context(expectations=expectations), rows, load_weight=0) == [0.5, 0.5]


@pytest.mark.parametrize(
    ("metrics", "value"),
    [
        ({}, 0.5),
        ({"reported_quality": 1.0, "quality_by_task": {"default": (1.0, 1)}}, 0.55),
        ({"reported_quality": 1.0, "quality_by_task": {"creative": (0.8, 19)}}, 0.9325),
        ({"reported_quality": 1.0, "quality_by_task": {"creative": (0.8, 20)}}, 0.8),
    ],
)
def test_quality_moves_from_the_configured_to_the_reported(metrics: dict[str, Any], value: float) -> None:
    """One report weighs 0.1, as in a moving average that begins at the configured value; from 20 on the task's own."""
    row = view(spec("a/b", quality=0.5), metrics)
    assert scored("quality", context(found=Classification(task=Task.CREATIVE)), [row]) == [value]


def test_load_success_health_and_headroom() -> None:
    """Idle, successful, healthy and unlimited score 1; each falls with its figure."""
    idle, busy = view("a/idle"), view("a/busy", in_flight=5, queued=5)
    assert scored("load", context(), [idle, busy, view("a/others", reported_in_flight=30)]) == [1.0, 0.5, 0.25]
    rows = [view("a/b", {"success_rate": 0.4, "health": 0.3}, rate_limit_left=0.2), view("a/c")]
    assert scored("success_rate", context(), rows) == [0.4, 0.98]
    assert scored("health", context(), rows) == [0.3, 1.0]
    assert scored("headroom", context(), rows) == [0.2, 1.0]


def test_the_capability_score_shows_its_raw_figure_and_keeps_its_order() -> None:
    """raw = 3 required + preferred + 100 (0.05 - dollars per 1K), mapped to [0, 1] in the same order."""
    rows = [
        view(spec("a/good", capabilities={"coding": 8, "speed": 6}, price=price(10, 10))),
        view(spec("a/listed", tags=frozenset({"coding"}), price=price(10, 10))),
        view(spec("a/none", price=price(200, 200))),
    ]
    request = ask(
        required_capabilities=(CapabilityRequirement("coding"),),
        preferred_capabilities=(CapabilityRequirement("speed"),),
    )
    scores = PLUGINS.scorer("capability_match", {}).score(context(rows, request), rows)
    values = scores.values
    assert scores.raw == pytest.approx([3 * 8 + 6 + 4, 3 * 5 + 4, -15])
    assert list(values) == sorted(values, reverse=True)
    assert values[2] < 0.5 < values[1]


def test_preference_tier_residency_nearness() -> None:
    """Each ranks by its own fact, and says 1 for all where nothing is asked."""
    rows = [view("a/1"), view("a/2"), view("a/3")]
    listed = context(preference=Preference(("a/2", "a/1")))
    assert scored("preference", listed, rows) == [0.5, 1.0, 0.0]
    assert scored("preference", context(), rows) == [1.0, 1.0, 1.0]
    tiers = [view(spec(f"a/{tier}", tier=tier)) for tier in (1, 3, 0)]
    assert scored("tier", context(found=Classification(complexity=Complexity.COMPLEX)), tiers) == [0.3333, 1.0, 0.5]
    models = [view("ollama/here", resident=True), view("ollama/cold"), view("openai/any")]
    assert scored("residency", context(), models) == [1.0, 0.0, 1.0]
    regions = [view(spec(f"a/{region}", region=region)) for region in ("eu-west-1", "eu-north-1", "us", "")]
    regions.append(view(spec("a/local", locality=Locality.HOST)))
    assert scored("nearness", context(request=ask(region="eu-west-1")), regions) == [1.0, 0.7, 0.0, 0.3, 1.0]
    assert scored("nearness", context(), regions) == [1.0] * 5


def test_affinity_keeps_a_caller_on_a_target_and_spreads_callers() -> None:
    """One key always prefers the same target, also when another goes; many keys use all targets."""
    rows = [view(f"a/{index}") for index in range(4)]

    def first(key: str, among: int) -> str:
        values = scored("affinity", context(request=ask(affinity_key=key)), rows[:among])
        return rows[values.index(max(values))].name

    assert {first(f"user {number}", 4) for number in range(50)} == {row.name for row in rows}
    kept = [number for number in range(50) if first(f"user {number}", 4) != "a/3"]
    assert all(first(f"user {number}", 4) == first(f"user {number}", 3) for number in kept)
