"""How a decision is explained to a person."""

import pytest

from tests.support.decisions import candidate, decision, shown, words
from trunkline.cli.rendering.decision import decision_explained
from trunkline.decisions import Rejection, Vote

TWO = (candidate("groq/llama", 0.85), candidate("openai/gpt", 0.75))
DEAR = Rejection("openai/dear", "max_cost", "expected $0.0052, at most $0.0040", "max_cost 0.0052")
OPEN = Rejection("anthropic/claude", "circuit", "open for 41 s more: 5 failures in a row", "")


def test_the_funnel_counts_every_stage() -> None:
    """Asked, removed with the filters, admitted and planned, with bars of that length."""
    lines = words(shown(decision_explained(decision(TWO, (DEAR, OPEN), ("groq/llama", "openai/gpt")))))
    assert "asked 4 ■■■■ any target" in lines
    assert "removed 2 ■■ max_cost 1, circuit 1" in lines
    assert "admitted 2 ■■ scored by profile balanced" in lines
    assert "planned 2 ■■ groq/llama, then 1 fallback" in lines


def test_bars_of_many_targets_stay_short() -> None:
    """In proportion, and never nothing for something."""
    many = [candidate(f"a/{number}", 0.5) for number in range(199)]
    lines = words(shown(decision_explained(decision(many, (DEAR,), ("a/0",)))))
    assert f"asked 200 {'■' * 20} any target" in lines
    assert "removed 1 ■ max_cost 1" in lines


def test_a_rejection_says_what_would_admit_it_in_flags() -> None:
    """What can be pasted; nothing is promised where nothing would help."""
    lines = words(shown(decision_explained(decision(TWO, (DEAR, OPEN), ("groq/llama",))), width=160))
    assert "- openai/dear max_cost expected $0.0052, at most $0.0040; --max-cost 0.0052 would admit it" in lines
    assert "- anthropic/claude circuit open for 41 s more: 5 failures in a row" in lines


def test_where_nothing_fits_the_nearest_relaxation_is_the_last_word() -> None:
    """The funnel ends at 0, and the last line is what to do."""
    nearest = "max_cost 0.0052 and max_latency 2.1s would admit openai/dear"
    lines = words(shown(decision_explained(decision(rejections=(DEAR, OPEN), warnings=(nearest,)))))
    assert "planned 0 no target passed the filters" in lines
    assert lines[-1] == "note: --max-cost 0.0052 and --max-latency 2.1s would admit openai/dear"


@pytest.mark.parametrize(
    ("picker", "rule", "says"),
    [
        ("best", "", "chains and free slots go before scores"),
        ("best", "task summarization", "task summarization orders them"),
        ("round_robin", "", "picker round_robin orders them"),
    ],
)
def test_an_order_that_the_scores_do_not_explain_is_explained(picker: str, rule: str, says: str) -> None:
    """The plan does not follow the scores: the funnel says what it follows, and who steers."""
    made = decision(TWO, (), ("openai/gpt", "groq/llama"), picker=picker, rule=rule)
    lines = words(shown(decision_explained(made)))
    assert f"planned 2 ■■ openai/gpt, then 1 fallback; {says}" in lines
    assert (f"steered by {rule}" in lines) == bool(rule)


def test_votes_of_an_ensemble() -> None:
    """Who voted for whom, with the weight of the votes together."""
    votes = (Vote("cost", 0.25, "groq/llama"), Vote("quality", 0.5, "openai/gpt"), Vote("latency", 0.25, "groq/llama"))
    lines = words(shown(decision_explained(decision(TWO, (), ("groq/llama",), votes=votes)), width=160))
    counted = "groq/llama 0.50 (cost, latency), openai/gpt 0.50 (quality)"
    assert f"admitted 2 ■■ ranked by the votes of ensemble balanced: {counted}" in lines


def test_the_only_scorers_own_figure_is_shown() -> None:
    """One scorer decides alone: its unmapped figure stands beside its value; an endless one is a dash."""
    alone = [
        candidate("groq/llama", 0.57, scorers=("capability_match",), raw=4.99),
        candidate("openai/gpt", 0.0, scorers=("capability_match",), raw=float("inf")),
    ]
    lines = words(shown(decision_explained(decision(alone, (), ("groq/llama",)))))
    assert "profile balanced 1.00 raw score expected" in lines
    assert "1 groq/llama 0.57 4.99 0.57 $0.0002 2.1 s first" in lines
    assert "2 openai/gpt 0.00 - 0.00 $0.0002 2.1 s" in lines


@pytest.mark.parametrize("width", [100, 80, 60, 40])
def test_everything_is_there_on_narrow_screens(width: int) -> None:
    """No line is wider than the screen, and no target, score or reason is cut off."""
    scorers = ("quality", "cost", "latency", "capability_match", "nearness", "residency")
    made = [candidate("groq/llama-3.3-70b-versatile", 0.85, scorers=scorers)]
    lines = shown(decision_explained(decision(made, (DEAR, OPEN), ("groq/llama-3.3-70b-versatile",))), width)
    assert max(map(len, lines)) <= width
    text = " ".join(words(lines))
    assert "…" not in text
    for part in ("groq/llama-3.3-70b-versatile", "residency", "$0.0002", "--max-cost 0.0052", "failures in a row"):
        assert part in text
