"""The funnel of a decision: how many targets were asked for, removed, admitted and planned, and why."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from itertools import pairwise

from rich.table import Table
from rich.text import Text

from trunkline.cli.rendering import formats
from trunkline.decisions import Candidate, Decision, Vote

_LONGEST_BAR = 20
_FULL = "■"


def funnel(decision: Decision) -> Table:
    """One line per stage: its name, how many targets are left, a bar, and what happened there."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(justify="right", no_wrap=True)
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    asked = len(decision.candidates) + len(decision.rejections)
    stages = (
        ("asked", asked, "cyan", decision.requested_model or "any target"),
        ("removed", len(decision.rejections), "red", _reasons(decision)),
        ("admitted", len(decision.candidates), "cyan", _scored_by(decision)),
        ("planned", len(decision.plan), "green", _planned(decision)),
    )
    for name, count, colour, words in stages:
        bar = Text(_FULL * _bar_length(count, asked), colour)
        grid.add_row(name, str(count), bar, Text(words, "bold red" if name == "planned" and not count else ""))
    return grid


def _bar_length(count: int, most: int) -> int:
    """A cell per target; where they are many, in proportion, but never nothing for something."""
    if most <= _LONGEST_BAR:
        return count
    return max(1, round(count * _LONGEST_BAR / most)) if count else 0


def _reasons(decision: Decision) -> str:
    """`max_cost 2, circuit 1`: the filters by how many targets each removed."""
    counts = Counter(rejection.filter for rejection in decision.rejections)
    return ", ".join(f"{name} {count}" for name, count in counts.most_common())


def _scored_by(decision: Decision) -> str:
    """Whose scores count."""
    if not decision.candidates:
        return ""
    if decision.votes:
        return f"ranked by the votes of ensemble {decision.profile}: {_votes(decision.votes)}"
    return f"scored by profile {decision.profile}"


def _votes(votes: Sequence[Vote]) -> str:
    """`openai/gpt-4o 0.75 (cost, quality), groq/x 0.25 (latency)`: the weight of each first choice."""
    weights: defaultdict[str, float] = defaultdict(float)
    voters: defaultdict[str, list[str]] = defaultdict(list)
    for vote in votes:
        weights[vote.target] += vote.weight
        voters[vote.target].append(vote.profile)
    ranked = sorted(weights.items(), key=lambda entry: -entry[1])
    return ", ".join(f"{target} {weight:.2f} ({', '.join(voters[target])})" for target, weight in ranked)


def _planned(decision: Decision) -> str:
    """The first target, how many follow, and what put them into an order that the scores do not explain."""
    if not decision.plan:
        return "no target passed the filters"
    first, *others = decision.plan
    words = first if not others else f"{first}, then {formats.plural(len(others), 'fallback')}"
    return f"{words}; {order}" if (order := _order(decision)) else words


def _order(decision: Decision) -> str:
    """What orders the plan, where the scores alone do not; empty where they do."""
    if decision.votes or _falls(_planned_scores(decision)):
        return ""
    if decision.picker not in ("", "best"):
        return f"picker {decision.picker} orders them"
    if decision.matched_rule:
        return f"{decision.matched_rule} orders them"
    return "chains and free slots go before scores"


def _planned_scores(decision: Decision) -> Iterator[float]:
    """The scores of the planned targets, in the plan's order."""
    by_target: dict[str, Candidate] = {candidate.target: candidate for candidate in decision.candidates}
    return (by_target[target].score for target in decision.plan if target in by_target)


def _falls(scores: Iterator[float]) -> bool:
    """Whether none is above the one before it."""
    known = list(scores)
    return all(before >= after for before, after in pairwise(known))
