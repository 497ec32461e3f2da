"""Scores candidates and puts the best first."""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from itertools import repeat
from math import isnan
from operator import add, itemgetter
from typing import Any

from router_service.contracts.plugins import RoutingContext
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
    count = len(views)
    totals = [0.0] * count
    columns: list[Sequence[float]] = []
    raws: list[Iterable[float | None]] = []
    for scorer, weight in zip(profile.scorers, profile.weights, strict=True):
        values, raw = scorer.score(context, views)
        if len(values) != count or (raw is not None and len(raw) != count):
            raise PluginMistake(f'the scorer "{scorer.name}" gave {len(values)} values for {count} candidates')
        if count and (max(values) > 1.0 or min(values) < 0.0):
            values = [min(1.0, max(0.0, value)) for value in values]
        totals = list(map(add, totals, map(weight.__mul__, values)))
        columns.append(values)
        raws.append(repeat(None) if raw is None else raw)
    _check_numbers(totals, columns, profile)
    expected = [expectations[view.spec.name] for view in views]
    rows: Any = (zip(*columns, strict=True), zip(*raws)) if columns else (repeat(()), repeat(()))  # noqa: B905
    candidates = list(map(_new_candidate, zip(views, expected, totals, *rows, repeat(profile.sheet))))
    candidates.sort(key=_SCORE, reverse=True)
    return candidates


def _check_numbers(totals: list[float], columns: Sequence[Sequence[float]], profile: ReadyProfile) -> None:
    """Cut what rounding put above 1, and refuse values that are no numbers: they spread into the totals."""
    if isnan(sum(totals)):
        for scorer, values in zip(profile.scorers, columns, strict=True):
            if any(map(isnan, values)):
                raise PluginMistake(f'the scorer "{scorer.name}" gave a value that is not a number')
    if totals and max(totals) > 1.0:
        totals[:] = [min(1.0, total) for total in totals]
