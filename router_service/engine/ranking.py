"""Scores candidates and puts the best first."""

from collections.abc import Mapping, Sequence
from functools import partial
from itertools import repeat
from operator import attrgetter
from typing import Any

from router_service.contracts.plugins import RoutingContext, Scorer, Scores
from router_service.domain.decision import Candidate, Expectation, ScorerValue
from router_service.domain.target import TargetView
from router_service.engine.profiles import ReadyProfile

_new_value: Any = partial(tuple.__new__, ScorerValue)
"""A named tuple out of a row, without the call in Python that its constructor costs: there are many."""
_score = attrgetter("score")


class PluginMistake(RuntimeError):
    """A plugin answered something that its contract does not allow; the message names it."""


def rank(
    context: RoutingContext,
    profile: ReadyProfile,
    views: Sequence[TargetView],
    expectations: Mapping[str, Expectation],
) -> list[Candidate]:
    """Candidates with their scores, best first, ties in the order of `views`.

    The score is the mean of the scorers' values, weighted as the profile says. Values outside 0..1 are clamped.

    Raises:
        PluginMistake: a scorer gave not one number per candidate.
    """
    totals = [0.0] * len(views)
    columns = []
    for scorer, weight in zip(profile.scorers, profile.weights, strict=True):
        values, raw = _checked(scorer, scorer.score(context, views), len(views))
        totals = [total + weight * value for total, value in zip(totals, values, strict=True)]
        columns.append(map(_new_value, zip(repeat(scorer.name), values, repeat(weight), raw or repeat(None))))
    rows: Any = zip(*columns, strict=True) if columns else repeat(())
    candidates = [
        Candidate(view, expectations[view.spec.name], total if total < 1.0 else 1.0, row)
        for view, total, row in zip(views, totals, rows)  # noqa: B905 - `rows` may be endless
    ]
    candidates.sort(key=_score, reverse=True)
    return candidates


def _checked(scorer: Scorer, scores: Scores, expected: int) -> Scores:
    values = scores.values
    if len(values) != expected or (scores.raw is not None and len(scores.raw) != expected):
        raise PluginMistake(f'the scorer "{scorer.name}" gave {len(values)} values for {expected} candidates')
    total = sum(values)
    if total != total:
        raise PluginMistake(f'the scorer "{scorer.name}" gave a value that is not a number')
    if values and (min(values) < 0.0 or max(values) > 1.0):
        return Scores([min(1.0, max(0.0, value)) for value in values], scores.raw)
    return scores
