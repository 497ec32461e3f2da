"""Lets several profiles vote on the order of targets."""

from collections.abc import Container, Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from router_service.domain.decision import NOTHING_LATER, Candidate, Rejection, ScoreSheet, Vote


class Ballot(Struct, frozen=True):
    """What one profile says.

    Attributes:
        weight: of the profile; all ballots together have 1.
        ordered: its candidates as it would try them.
        rejections: those it put aside.
        by_score: whether the order is that of the scores, so that equal scores mean equal places.
        waived, later: see `Decision`.
    """

    profile: str
    weight: float
    ordered: Sequence[Candidate]
    rejections: tuple[Rejection, ...]
    by_score: bool = True
    waived: frozenset[str] = frozenset()
    later: Mapping[str, float] = NOTHING_LATER


def count(ballots: Sequence[Ballot]) -> tuple[Ballot, tuple[Vote, ...]]:
    """The ballot of all together, with the common order and the targets that no profile admits, and each one's vote.

    The target with the most weight of first choices leads; the rest follow by their weighted Borda count (see
    `_points`). A candidate's score is that count, 0..1, and its scorers are the profiles.
    """
    votes = tuple(Vote(ballot.profile, ballot.weight, ballot.ordered[0].target) for ballot in ballots if ballot.ordered)
    first: dict[str, float] = {}
    for vote in votes:
        first[vote.target] = first.get(vote.target, 0.0) + vote.weight
    sheet = ScoreSheet(tuple(ballot.profile for ballot in ballots), tuple(ballot.weight for ballot in ballots))
    values: dict[str, list[float]] = {}
    candidates: dict[str, Candidate] = {}
    for number, ballot in enumerate(ballots):
        for candidate, points in zip(ballot.ordered, _points(ballot), strict=True):
            candidates.setdefault(candidate.target, candidate)
            values.setdefault(candidate.target, [0.0] * len(ballots))[number] = points
    merged = [_counted(candidate, values[name], sheet) for name, candidate in candidates.items()]
    merged.sort(key=lambda one: (-one.score, one.target))
    winner = max(merged, key=lambda one: first.get(one.target, 0.0), default=None)
    if winner is not None:
        merged.remove(winner)
        merged.insert(0, winner)
    waived = frozenset(name for ballot in ballots for name in ballot.waived)
    later = {target: at for ballot in ballots for target, at in ballot.later.items()}
    return Ballot("", 1.0, merged, _rejected_by_all(ballots, candidates), False, waived, later), votes


def _rejected_by_all(ballots: Sequence[Ballot], admitted: Container[str]) -> tuple[Rejection, ...]:
    """For each target that no profile admits, the reason of the first."""
    rejected: dict[str, Rejection] = {}
    for ballot in ballots:
        for rejection in ballot.rejections:
            if rejection.target not in admitted:
                rejected.setdefault(rejection.target, rejection)
    return tuple(rejected.values())


def _points(ballot: Ballot) -> list[float]:
    """The first of n candidates gets 1, the last 1/n; equal ones the points of the first of them."""
    most = len(ballot.ordered)
    points: list[float] = []
    for place, candidate in enumerate(ballot.ordered):
        equal = place > 0 and ballot.by_score and candidate.score == ballot.ordered[place - 1].score
        points.append(points[-1] if equal else (most - place) / most)
    return points


def _counted(candidate: Candidate, values: list[float], sheet: ScoreSheet) -> Candidate:
    score = min(1.0, sum(value * weight for value, weight in zip(values, sheet.weights, strict=True)))
    return replace(candidate, score=score, values=tuple(values), raw=(None,) * len(values), sheet=sheet)
