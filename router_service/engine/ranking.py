"""Scores candidates and puts the best first."""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from itertools import repeat
from operator import itemgetter
from typing import Any

from router_service.contracts.plugins import RoutingContext, Scorer, Scores
from router_service.domain.decision import Candidate, Expectation
from router_service.domain.target import TargetView
from router_service.engine.profiles import ReadyProfile

_new_candidate: Any = partial(tuple.__new__, Candidate)
"""A named tuple out of a row, without the call in Python that its constructor costs: there are many."""
_SCORE = itemgetter(Candidate._fields.index("score"))


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
    raws: list[Iterable[float | None]] = []
    for scorer, weight in zip(profile.scorers, profile.weights, strict=True):
        values, raw = _checked(scorer, scorer.score(context, views), len(views))
        totals = [total + weight * value for total, value in zip(totals, values, strict=True)]
        columns.append(values)
        raws.append(repeat(None) if raw is None else raw)
    if totals and max(totals) > 1.0:  # by rounding
        totals = [min(1.0, total) for total in totals]
    expected = [expectations[view.spec.name] for view in views]
    rows: Any = (zip(*columns, strict=True), zip(*raws)) if columns else (repeat(()), repeat(()))  # noqa: B905
    candidates = list(map(_new_candidate, zip(views, expected, totals, *rows, repeat(profile.sheet))))
    candidates.sort(key=_SCORE, reverse=True)
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
