"""Lets several profiles vote on the order of targets."""

from collections.abc import Sequence
from dataclasses import dataclass

from router_service.domain.decision import Candidate, Rejection, ScoreSheet, Vote


@dataclass(frozen=True, slots=True)
class Ballot:
    """What one profile says.

    Attributes:
        weight: of the profile; all ballots together have 1.
        ordered: its candidates as it would try them.
        rejections: those it put aside.
    """

    profile: str
    weight: float
    ordered: Sequence[Candidate]
    rejections: tuple[Rejection, ...]


def count(ballots: Sequence[Ballot]) -> tuple[list[Candidate], tuple[Rejection, ...], tuple[Vote, ...]]:
    """The common order, the targets that no profile admits, and each profile's vote.

    The target with the most weight of first choices leads; equal ones, and the rest, by their weighted Borda count
    (first of n candidates n points, the last 1, of n). A candidate's score is that count, 0..1, and its
    scorers are the profiles.
    """
    votes = tuple(Vote(ballot.profile, ballot.weight, ballot.ordered[0].target) for ballot in ballots if ballot.ordered)
    first: dict[str, float] = {}
    for vote in votes:
        first[vote.target] = first.get(vote.target, 0.0) + vote.weight
    sheet = ScoreSheet(tuple(ballot.profile for ballot in ballots), tuple(ballot.weight for ballot in ballots))
    values: dict[str, list[float]] = {}
    candidates: dict[str, Candidate] = {}
    for number, ballot in enumerate(ballots):
        most = len(ballot.ordered)
        for place, candidate in enumerate(ballot.ordered):
            candidates.setdefault(candidate.target, candidate)
            values.setdefault(candidate.target, [0.0] * len(ballots))[number] = (most - place) / most
    merged = [_counted(candidate, values[name], sheet) for name, candidate in candidates.items()]
    merged.sort(key=lambda one: (-first.get(one.target, 0.0), -one.score, one.target))
    rejected: dict[str, Rejection] = {}
    for ballot in ballots:
        for rejection in ballot.rejections:
            if rejection.target not in candidates:
                rejected.setdefault(rejection.target, rejection)
    return merged, tuple(rejected.values()), votes


def _counted(candidate: Candidate, values: list[float], sheet: ScoreSheet) -> Candidate:
    score = min(1.0, sum(value * weight for value, weight in zip(values, sheet.weights, strict=True)))
    return candidate._replace(score=score, values=tuple(values), raw=(None,) * len(values), sheet=sheet)
