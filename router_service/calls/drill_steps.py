"""What a fallback drill consists of: its steps, what each of them tells, and what all of an alias's come to."""

from collections.abc import Iterator, Sequence, Set
from datetime import datetime
from enum import StrEnum

from msgspec import Struct

from router_service.calls.embedding import SAME_MODEL
from router_service.domain.decision import Decision, Rejection

DEFAULT_ROUTE = ""
"""In place of an alias: what calls get that name no model."""

PROMPT_FILTERS = frozenset({"abilities", "capability", "clearance", "context_window", "max_cost"})
"""Filters that speak against the prompt: with another one the target may answer."""

OTHER_USES = frozenset({SAME_MODEL, "use"})
"""Put a target aside that was never meant to stand in, whatever is asked."""


class ProblemKind(StrEnum):
    """What a step's problem says of the chain."""

    FAULT = "fault"
    """A target would not answer, or nobody did: the chain does not hold."""
    PROMPT_UNSUITED = "prompt_unsuited"
    """The prompt does not suit a target: nothing is known of the chain."""
    NO_FALLBACK = "no_fallback"
    """By its configuration nobody can stand in. Where no target had to fail: one is no fallback for the others."""


NOT_ASKED = {
    ProblemKind.FAULT: "would not answer",
    ProblemKind.PROMPT_UNSUITED: "was not asked, as the prompt does not suit it",
    ProblemKind.NO_FALLBACK: "is no fallback",
}


class Verdict(StrEnum):
    """What the drill of one alias came to."""

    HOLDS = "holds"
    """Every target answered in its turn."""
    FAULT = "fault"
    """A target would not answer, or nobody did."""
    NO_FALLBACK = "no_fallback"
    """By its configuration it has nothing to fall back to."""
    IN_PART = "in_part"
    """The prompt suits some of its targets alone, which answered: nothing is known of the chain."""
    NOT_DRILLED = "not_drilled"
    """The prompt suits none of its targets."""


class DrillStep(Struct, frozen=True):
    """One call of a drill. Money in nano-dollars, `latency` in seconds.

    Attributes:
        failed: the targets that were made to fail.
        answered_by: empty: nobody answered, or only the cost was asked for.
        problem: what is wrong, for a person; empty: nothing.
        problem_kind: what the problem says of the chain; None: there is none.
        verdict: what the drill of its alias came to; None: further steps follow, or only the cost was asked for.
    """

    alias: str
    failed: tuple[str, ...]
    answered_by: str = ""
    problem: str = ""
    problem_kind: ProblemKind | None = None
    expected_cost: int = 0
    cost: int = 0
    latency: float = 0.0
    verdict: Verdict | None = None


class DrillResult(Struct, frozen=True):
    """What the newest drill of an alias came to. `problem` empty: its chain holds."""

    alias: str
    drilled_at: datetime
    problem: str = ""


def verdict_of(steps: Sequence[DrillStep]) -> Verdict:
    """What the drill of one alias came to: the worst of what its steps tell."""
    kinds = {step.problem_kind for step in steps}
    if ProblemKind.FAULT in kinds:
        return Verdict.FAULT
    if ProblemKind.PROMPT_UNSUITED in kinds:
        return Verdict.IN_PART if any(step.answered_by for step in steps) else Verdict.NOT_DRILLED
    # where no target had to fail, the step tells of one that stands beside the chain
    alone = any(step.problem_kind is ProblemKind.NO_FALLBACK and step.failed for step in steps)
    return Verdict.NO_FALLBACK if alone else Verdict.HOLDS


def planned_steps(alias: str, members: Set[str], decision: Decision) -> Iterator[DrillStep]:
    """The steps of a drill; one that has a problem only tells it, each other is a call that is yet to be made."""
    yield from _missing(alias, members, decision)
    plan = decision.plan
    for position, target in enumerate(plan):
        yield DrillStep(alias, plan[:position], expected_cost=decision.expectations[target].cost or 0)
    if len(plan) == 1:
        yield _alone(alias, plan, members, decision)


def _missing(alias: str, members: Set[str], decision: Decision) -> Iterator[DrillStep]:
    """Those of an alias's targets that no call is sent to, and why."""
    kinds = set()
    for rejection in decision.rejections:
        if rejection.target in members:
            kind = _kind_of(rejection)
            kinds.add(kind)
            by = "" if kind is ProblemKind.NO_FALLBACK else f"{rejection.filter}: "
            problem = f"{rejection.target} {NOT_ASKED[kind]}: {by}{rejection.reason}"
            yield DrillStep(alias, (), problem=problem, problem_kind=kind)
    for target in _unannounced(members, decision):
        problem = f"{target} would not answer: no worker has announced it"
        yield DrillStep(alias, (), problem=problem, problem_kind=ProblemKind.FAULT)
    if not decision.plan:
        kind = ProblemKind.PROMPT_UNSUITED if ProblemKind.PROMPT_UNSUITED in kinds else ProblemKind.FAULT
        yield DrillStep(alias, (), problem="no target can serve now", problem_kind=kind)


def _alone(alias: str, plan: tuple[str, ...], members: Set[str], decision: Decision) -> DrillStep:
    """Tells that a plan has one target, and whether others are missing now or there are none by configuration."""
    relevant = [one for one in decision.rejections if alias == DEFAULT_ROUTE or one.target in members]
    kinds = {_kind_of(rejection) for rejection in relevant}
    if ProblemKind.PROMPT_UNSUITED in kinds:
        kind = ProblemKind.PROMPT_UNSUITED
    elif ProblemKind.FAULT in kinds or _unannounced(members, decision):
        kind = ProblemKind.FAULT
    else:
        kind = ProblemKind.NO_FALLBACK
    why = "there is no other target" if kind is ProblemKind.NO_FALLBACK else "no other target can serve now"
    return DrillStep(alias, plan, problem=f"nobody answers when {plan[0]} fails: {why}", problem_kind=kind)


def _unannounced(members: Set[str], decision: Decision) -> Sequence[str]:
    considered = {candidate.target for candidate in decision.candidates}
    return sorted(members - considered - {rejection.target for rejection in decision.rejections})


def _kind_of(rejection: Rejection) -> ProblemKind:
    if rejection.filter in PROMPT_FILTERS:
        return ProblemKind.PROMPT_UNSUITED
    return ProblemKind.NO_FALLBACK if rejection.filter in OTHER_USES else ProblemKind.FAULT
