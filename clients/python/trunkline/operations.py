"""What operators see and change: statistics of targets, and what a new configuration made different."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from trunkline.money import to_dollars


@dataclass(frozen=True, slots=True)
class LatencySummary:
    """A rolling window of times, in seconds; None where it is empty."""

    samples: int
    mean: float | None
    p50: float | None
    p95: float | None


@dataclass(frozen=True, slots=True)
class TargetStatistics:
    """Counts and rolling figures of one target.

    Attributes:
        target: `backend/model`.
        attempts: settled since this router's start, as are `successes`, `failures`, tokens and money.
        failures: by class: `rate_limited`, `overloaded`, ...
        latency, first_token: of the newest 1,000 answers, also from before the start where they were kept.
        tokens_per_second: mean; 0 before the first answer.
        reported_quality: moving average of callers' reports, 0 to 1; None: none came.
    """

    target: str
    attempts: int
    successes: int
    failures: Mapping[str, int]
    latency: LatencySummary
    first_token: LatencySummary
    tokens_per_second: float
    spent_nanodollars: int
    input_tokens: int
    output_tokens: int
    reported_quality: float | None

    @property
    def spent_usd(self) -> Decimal:
        """Dollars spent on it by this router."""
        return to_dollars(self.spent_nanodollars)


@dataclass(frozen=True, slots=True)
class ConfigurationChange:
    """What a new configuration made different.

    Attributes:
        version: of the configuration that is in force now.
        changes: one line for each setting, for a person; empty where nothing is different.
    """

    version: str
    changes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DrillStep:
    """One call of a fallback drill.

    Attributes:
        alias: empty: a call that named no model.
        failed_targets: made to fail inside the router, so that the others had to answer.
        answered_by: empty: nobody answered, or only the cost was asked for.
        problem: what went wrong, for a person; empty: nothing.
        latency: seconds.
        problem_kind: None: no problem; `fault`: the chain does not hold; `prompt_unsuited`: the prompt does not suit a
            target, so that nothing is known of the chain; `no_fallback`: by its configuration the alias has nobody to
            stand in.
        verdict: what the drill of this alias came to, told with its last step; None: further steps follow, or only the
            cost was asked for. `holds`; `fault`: a target would not answer, or nobody did; `no_fallback`: by its
            configuration it has nothing to fall back to; `in_part`: the prompt suits some of its targets alone;
            `not_drilled`: it suits none.
    """

    alias: str
    failed_targets: tuple[str, ...]
    answered_by: str
    problem: str
    expected_cost_nanodollars: int
    cost_nanodollars: int
    latency: float
    problem_kind: str | None = None
    verdict: str | None = None

    @property
    def expected_cost_usd(self) -> Decimal:
        """Dollars that it is expected to cost."""
        return to_dollars(self.expected_cost_nanodollars)

    @property
    def cost_usd(self) -> Decimal:
        """Dollars that it cost."""
        return to_dollars(self.cost_nanodollars)


@dataclass(frozen=True, slots=True)
class DrillResult:
    """What the newest drill of an alias came to (empty: of calls that name no model); `problem` says why not."""

    alias: str
    drilled_at: datetime | None
    holds: bool
    problem: str


@dataclass(frozen=True, slots=True)
class PullProgress:
    """How far the fetching of a model has come; `total_bytes` is 0 where it is not known."""

    status: str
    completed_bytes: int
    total_bytes: int
