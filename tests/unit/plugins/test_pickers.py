"""Each picker: whom it puts first, and how often."""

from collections import Counter
from random import Random

from tests.support.routing import view
from tests.unit.plugins.worlds import candidates, context, picked


def firsts(name: str, given: list[object], draws: int = 4000) -> Counter[str]:
    """How often each target came first."""
    random = Random(3)
    return Counter(picked(name, context(random=random), given)[0] for _ in range(draws))  # type: ignore[arg-type]


def test_every_picker_returns_all_candidates() -> None:
    """A picker orders; it never drops nor invents a candidate, and stands an empty list."""
    given = candidates([view(f"a/{index}") for index in range(5)])
    for name in (
        "best",
        "round_robin",
        "random",
        "weighted_by_health",
        "weighted_random",
        "two_choices",
        "least_recently_failed",
    ):
        assert sorted(picked(name, context(), given)) == [f"a/{index}" for index in range(5)]
        assert picked(name, context(), []) == []


def test_round_robin_turns() -> None:
    """The cursor moves the ring by one."""
    given = candidates([view("a/x"), view("a/y"), view("a/z")], [0.1, 0.9, 0.5])
    assert picked("round_robin", context(cursor=1), given) == ["a/y", "a/z", "a/x"]
    assert picked("round_robin", context(cursor=5), given) == ["a/z", "a/x", "a/y"]


def test_random_is_even() -> None:
    """Each of four comes first about a quarter of the time."""
    counts = firsts("random", list(candidates([view(f"a/{index}") for index in range(4)])))
    assert all(900 < counts[f"a/{index}"] < 1100 for index in range(4))


def test_weighted_by_health_follows_health_with_a_floor() -> None:
    """Health 0.9 against 0.3: first in three of four draws. Health 0 still counts 0.1."""
    counts = firsts(
        "weighted_by_health", list(candidates([view("a/well", {"health": 0.9}), view("a/ill", {"health": 0.3})]))
    )
    assert 2850 < counts["a/well"] < 3150
    floor = firsts(
        "weighted_by_health", list(candidates([view("a/well", {"health": 0.9}), view("a/dead", {"health": 0.0})]))
    )
    assert 330 < floor["a/dead"] < 470


def test_weighted_random_follows_the_score() -> None:
    """Score 0.8 against 0.2: first in four of five draws."""
    counts = firsts("weighted_random", list(candidates([view("a/good"), view("a/bad")], [0.8, 0.2])))
    assert 3050 < counts["a/good"] < 3350


def test_two_choices_avoids_the_busiest() -> None:
    """Of two drawn the less loaded is first, so the most loaded of three never is."""
    rows = [view("a/idle"), view("a/half", in_flight=5), view("a/full", in_flight=10)]
    counts = firsts("two_choices", list(candidates(rows)))
    assert counts["a/full"] == 0
    assert 2500 < counts["a/idle"] < 2850


def test_least_recently_failed() -> None:
    """Who never failed comes first, then who failed longest ago."""
    rows = [view("a/now", last_error_at=999.0), view("a/never"), view("a/long_ago", last_error_at=10.0)]
    assert picked("least_recently_failed", context(), candidates(rows)) == ["a/never", "a/long_ago", "a/now"]
