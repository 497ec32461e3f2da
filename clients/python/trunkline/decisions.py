"""Why a target was chosen: classification, candidates, rejections and the plan. Words are lower case."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from trunkline.money import to_dollars


@dataclass(frozen=True, slots=True)
class Classification:
    """What the router found out about a request.

    Attributes:
        task: `code_generation`, `analysis`, ... or `default`.
        complexity: `simple`, `medium`, `complex` or `code`.
        sensitivity: `public`, `internal` or `confidential`.
        input_tokens: estimated tokens of the prompt.
        expected_output_tokens: expected tokens of the answer.
        detected_sensitive_kinds: kinds of sensitive data that were found, never their values.
        given_by_caller: names of the fields that the caller said himself.
    """

    task: str
    complexity: str
    sensitivity: str
    input_tokens: int
    expected_output_tokens: int
    needed_capabilities: tuple[str, ...]
    detected_sensitive_kinds: tuple[str, ...]
    domain: str
    given_by_caller: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ScorerValue:
    """What one scorer says of one candidate.

    Attributes:
        value: 0 to 1.
        weight: the profile's, normalised so that the weights sum to 1.
        raw: the scorer's own unmapped figure, where it has one.
    """

    scorer: str
    value: float
    weight: float
    raw: float | None


@dataclass(frozen=True, slots=True)
class Candidate:
    """A target that passed the filters.

    Attributes:
        target: `backend/model`.
        score: weighted, 0 to 1.
        expected_cost_nanodollars: of this request.
        expected_latency: seconds to the whole answer.
        expected_first_token: seconds to the first token.
    """

    target: str
    score: float
    scores: tuple[ScorerValue, ...]
    expected_cost_nanodollars: int
    expected_latency: float
    expected_first_token: float
    simulated: bool

    @property
    def expected_cost_usd(self) -> Decimal:
        """Expected cost of this request, in dollars."""
        return to_dollars(self.expected_cost_nanodollars)


@dataclass(frozen=True, slots=True)
class Rejection:
    """A target that a filter removed: which filter, why, and what would admit it (empty: nothing would)."""

    target: str
    filter: str
    reason: str
    relaxation: str


@dataclass(frozen=True, slots=True)
class Vote:
    """The first choice of one profile of an ensemble, and the profile's weight."""

    profile: str
    weight: float
    target: str


@dataclass(frozen=True, slots=True)
class Decision:
    """The outcome of routing.

    Attributes:
        decided_at: UTC.
        requested_model: what was asked for: a target, an alias or nothing.
        candidates: every target that passed the filters, best first.
        rejections: every target that did not.
        plan: the targets to try, in order.
        warnings: what the caller should know.
        matched_rule: name of the rule that applied; empty: none.
    """

    decision_id: str
    trace_id: str
    decided_at: datetime | None
    profile: str
    picker: str
    requested_model: str
    classification: Classification
    candidates: tuple[Candidate, ...]
    rejections: tuple[Rejection, ...]
    plan: tuple[str, ...]
    warnings: tuple[str, ...]
    matched_rule: str
    votes: tuple[Vote, ...]
    configuration_version: str
