"""Profiles side by side."""

import pytest

from tests.support.decisions import candidate, decision, shown, words
from trunkline.cli.comparison import Comparison
from trunkline.cli.rendering.comparison import comparison_json, comparison_screen
from trunkline.decisions import Rejection

CHEAP = decision((candidate("a/mini", 0.9), candidate("a/big", 0.4)), (), ("a/mini", "a/big"))
GOOD = decision((candidate("a/big", 0.8),), (Rejection("a/mini", "required_quality", "quality 0.55", ""),), ("a/big",))
NONE = decision(rejections=(Rejection("a/big", "clearance", "cleared for internal", ""),), warnings=("ask less",))
BOTH = Comparison({"cost": CHEAP, "quality": GOOD}, {"a/mini": 0.55, "a/big": 0.82})


def test_each_target_has_its_score_and_place_under_each_profile() -> None:
    """A target that a profile removes is shown as removed there."""
    lines = words(shown(comparison_screen(BOTH)))
    assert "cost quality quality expected" in lines
    assert "a/mini 0.90 #1 removed 0.55 $0.0002 2.1 s" in lines
    assert "a/big 0.40 #2 0.80 #1 0.82 $0.0002 2.1 s" in lines


def test_each_profile_has_its_choice() -> None:
    """The last lines say whom each chooses, and what that costs."""
    lines = words(shown(comparison_screen(BOTH)))
    assert lines[-2:] == ["cost a/mini $0.0002, 2.1 s, quality 0.55", "quality a/big $0.0002, 2.1 s, quality 0.82"]


def test_a_profile_under_which_nothing_fits() -> None:
    """It says so, and what would help; a target that nobody admits is named once."""
    lines = words(shown(comparison_screen(Comparison({"strict": NONE}, {}))))
    assert "strict nothing fits ask less" in lines
    assert "removed by all: a/big" in lines


@pytest.mark.parametrize("width", [100, 60, 40])
def test_everything_is_there_on_narrow_screens(width: int) -> None:
    """No line is wider than the screen, and nothing is cut off."""
    target = "groq/llama-3.3-70b-versatile"
    made = decision((candidate(target, 0.9),), (), (target,))
    profiles = ("least_recently_failed", "weighted_by_health", "balanced")
    lines = shown(comparison_screen(Comparison(dict.fromkeys(profiles, made), {target: 0.74})), width)
    assert max(map(len, lines)) <= width
    text = " ".join(words(lines))
    assert "…" not in text
    for part in (*profiles, target, "0.90 #1", "$0.0002", "0.74"):
        assert part in text


def test_as_json() -> None:
    """The choice of each profile with its figures, and its whole decision."""
    shown_json = comparison_json(Comparison({"cost": CHEAP, "strict": NONE}, {"a/mini": 0.55}))["profiles"]
    cost, strict = shown_json["cost"], shown_json["strict"]
    figures = {name: cost[name] for name in ("choice", "score", "expected_cost_usd", "expected_latency_ms", "quality")}
    assert figures == {
        "choice": "a/mini",
        "score": 0.9,
        "expected_cost_usd": 0.0002,
        "expected_latency_ms": 2100.0,
        "quality": 0.55,
    }
    assert cost["decision"]["plan"] == ["a/mini", "a/big"]
    assert (strict["choice"], strict["expected_cost_usd"]) == (None, None)
