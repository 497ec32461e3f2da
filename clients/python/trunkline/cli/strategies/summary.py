"""What the routings of one profile come to, taken together."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from trunkline.decisions import Decision


@dataclass(frozen=True, slots=True)
class TargetStanding:
    """What is known of a target apart from a decision: quality 0 to 1, and the success rate that the table shows."""

    quality: float
    success_rate: float


@dataclass(frozen=True, slots=True)
class Sample:
    """One routing: expected, or measured where it was executed.

    Attributes:
        target: planned first, or the one that answered; empty: nothing fits, or nobody answered.
        fits: whether any target fits.
        first: probability that the first target answers; executed: 1 or 0.
        success: that any of the plan does; executed: 1 or 0.
        latency: seconds.
        quality: of the target; None where there is none.
    """

    target: str
    fits: bool
    first: float = 0.0
    success: float = 0.0
    cost_nanodollars: int = 0
    latency: float = 0.0
    quality: float | None = None


@dataclass(frozen=True, slots=True)
class Summary:
    """All routings of one profile.

    Attributes:
        runs: how many routings.
        unrouted: those that no target fits.
        first_success: mean probability that the first target answers, over all runs.
        success: the same for the whole plan.
        cost_nanodollars: of all runs together.
        latency, latency_p95: seconds, over the runs that have a target; None: none has.
        quality: mean over the same runs.
        spread: share of those runs by target, the most frequent first.
    """

    profile: str
    runs: int
    unrouted: int
    first_success: float
    success: float
    cost_nanodollars: int
    latency: float | None
    latency_p95: float | None
    quality: float | None
    spread: Mapping[str, float]


def expected_sample(decision: Decision, standings: Mapping[str, TargetStanding], turn: int) -> Sample:
    """What a decision promises: the first target's cost, time and quality; success rates as if targets failed apart.

    Args:
        turn: number of the routing; a round robin takes its turns with it, because a dry run does not.
    """
    plan = planned(decision, turn)
    if not plan:
        return Sample("", fits=False)
    rates = [standings[target].success_rate if target in standings else 1.0 for target in plan]
    chosen = next(candidate for candidate in decision.candidates if candidate.target == plan[0])
    return Sample(
        target=plan[0],
        fits=True,
        first=rates[0],
        success=1.0 - math.prod(1.0 - rate for rate in rates),
        cost_nanodollars=chosen.expected_cost_nanodollars,
        latency=chosen.expected_latency,
        quality=standings[plan[0]].quality if plan[0] in standings else None,
    )


def planned(decision: Decision, turn: int) -> tuple[str, ...]:
    """The plan; under a round robin that nothing steers, the plan of that turn."""
    if decision.picker != "round_robin" or decision.matched_rule or not decision.plan:
        return decision.plan
    ring = [candidate.target for candidate in decision.candidates]
    start = turn % len(ring)
    return tuple((ring[start:] + ring[:start])[: len(decision.plan)])


def summarise(profile: str, samples: Sequence[Sample]) -> Summary:
    """All samples of a profile, at least one."""
    routed = [sample for sample in samples if sample.target]
    counts = Counter(sample.target for sample in routed)
    latencies = sorted(sample.latency for sample in routed)
    qualities = [sample.quality for sample in routed if sample.quality is not None]
    return Summary(
        profile=profile,
        runs=len(samples),
        unrouted=sum(not sample.fits for sample in samples),
        first_success=_mean([sample.first for sample in samples]) or 0.0,
        success=_mean([sample.success for sample in samples]) or 0.0,
        cost_nanodollars=sum(sample.cost_nanodollars for sample in samples),
        latency=_mean(latencies),
        latency_p95=latencies[math.ceil(0.95 * len(latencies)) - 1] if latencies else None,
        quality=_mean(qualities),
        spread={target: count / len(routed) for target, count in counts.most_common()},
    )


def _mean(values: Sequence[float]) -> float | None:
    """The mean; None of nothing."""
    return math.fsum(values) / len(values) if values else None
