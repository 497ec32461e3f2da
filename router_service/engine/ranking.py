"""Scores candidates and puts the best first."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import repeat
from math import isnan
from operator import attrgetter, mul
from typing import Any

from router_service.contracts.plugins import RoutingContext
from router_service.domain.decision import Candidate, Expectation
from router_service.domain.target import TargetView
from router_service.engine.profiles import ReadyProfile

_NO_FIGURES: Iterable[None] = repeat(None)
_SCORE = attrgetter("score")


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
    columns, raws = _columns(context, profile, views)
    rows = list(zip(*columns, strict=True)) if columns else [()] * len(views)
    weights = profile.weights
    totals = [sum(map(mul, weights, row)) for row in rows]
    if isnan(sum(totals)):
        _refuse_nan(columns, profile)
    if totals and max(totals) > 1.0:  # by rounding
        totals = [min(1.0, total) for total in totals]
    expected = [expectations[view.spec.name] for view in views]
    raw_rows: Any = zip(*raws) if raws else repeat(())  # noqa: B905
    candidates = list(map(Candidate, views, expected, totals, rows, raw_rows, repeat(profile.sheet)))
    candidates.sort(key=_SCORE, reverse=True)
    return candidates


def _columns(
    context: RoutingContext, profile: ReadyProfile, views: Sequence[TargetView]
) -> tuple[list[Sequence[float]], list[Iterable[float | None]]]:
    """What each scorer says, clamped, and its unmapped figures."""
    count = len(views)
    columns: list[Sequence[float]] = []
    raws: list[Iterable[float | None]] = []
    for scorer in profile.scorers:
        scores = scorer.score(context, views)
        values, raw = scores.values, scores.raw
        if len(values) != count or (raw is not None and len(raw) != count):
            raise PluginMistake(f'the scorer "{scorer.name}" gave {len(values)} values for {count} candidates')
        columns.append(values)
        raws.append(_NO_FIGURES if raw is None else raw)
    if count and columns and (max(map(max, columns)) > 1.0 or min(map(min, columns)) < 0.0):
        _refuse_nan(columns, profile)
        columns = [[min(1.0, max(0.0, value)) for value in values] for values in columns]
    return columns, raws


def _refuse_nan(columns: Sequence[Sequence[float]], profile: ReadyProfile) -> None:
    """Values that are no numbers spread into the totals and spoil the order."""
    for scorer, values in zip(profile.scorers, columns, strict=True):
        if any(map(isnan, values)):
            raise PluginMistake(f'the scorer "{scorer.name}" gave a value that is not a number')
