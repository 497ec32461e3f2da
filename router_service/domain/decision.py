"""A decision: what a request was found to be, who may serve it, how good each would be, and the order to try."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType

from msgspec import Struct

from router_service.domain.target import TargetView
from service_common.vocabulary import Complexity, Sensitivity, Task


class Classification(Struct, frozen=True):
    """What the router found out about a request.

    Attributes:
        input_tokens: estimated tokens of the prompt, default model family.
        expected_output_tokens: of the answer.
        needed_capabilities: abilities that the request itself needs (`vision`, `tools`, `json_schema`, `files`).
        detected_kinds: kinds of sensitive data found, never values.
        given_by_caller: names of the fields that the caller set.
    """

    task: Task = Task.DEFAULT
    complexity: Complexity = Complexity.MEDIUM
    sensitivity: Sensitivity = Sensitivity.INTERNAL
    input_tokens: int = 0
    expected_output_tokens: int = 0
    needed_capabilities: tuple[str, ...] = ()
    detected_kinds: tuple[str, ...] = ()
    domain: str = ""
    given_by_caller: tuple[str, ...] = ()


class Expectation(Struct, frozen=True):
    """What one request is expected to take on one target.

    Attributes:
        cost: nano-dollars; None: the price is not known.
        latency: seconds to the whole answer.
        first_token: seconds.
        input_tokens, output_tokens: as this target counts them.
        window_tokens: what its context window must hold: of an embedding the longest text, else the whole prompt.
    """

    cost: int | None
    latency: float
    first_token: float
    input_tokens: int
    output_tokens: int
    window_tokens: int


NO_EXPECTATIONS: Mapping[str, Expectation] = MappingProxyType({})
NOTHING_LATER: Mapping[str, float] = MappingProxyType({})
"""No target that time alone brings back."""


class Waivable(StrEnum):
    """The names of the built-in filters whose rejections may be waived, as they stand in `Decision.waived`.

    `DEADLINE`: an expectation alone speaks against the target. `CIRCUIT`: it failed again and again, not long ago.
    """

    DEADLINE = "deadline"
    CIRCUIT = "circuit"


class Waiver(Struct, frozen=True):
    """A rejection may be passed over where otherwise nothing could be tried: least grave first, then in this order."""

    gravity: int
    order: float


class Rejection(Struct, frozen=True):
    """A candidate put aside.

    Attributes:
        target: `backend/model`.
        filter: the filter's name.
        reason: why, for a person.
        relaxation: what would admit it, for a person; empty where nothing the caller can change would.
        distance: how far the relaxation is from what was asked, 0: nearly the same; orders relaxations.
        waiver: set where it may be passed over if nothing else can be tried; None: never.
        until: when it passes by itself (monotonic seconds); None: not by time.
    """

    target: str
    filter: str
    reason: str
    relaxation: str = ""
    distance: float = 1.0
    waiver: Waiver | None = None
    until: float | None = None


class ScorerValue(Struct, frozen=True):
    """What one scorer says of one candidate: value 0..1, weight normalised to sum 1, raw figure where it has one."""

    scorer: str
    value: float
    weight: float
    raw: float | None = None


class ScoreSheet(Struct, frozen=True):
    """What the candidates of one decision have in common: the scorers, and their weights normalised to sum 1."""

    scorers: tuple[str, ...] = ()
    weights: tuple[float, ...] = ()


NO_SCORES = ScoreSheet()


class Candidate(Struct, frozen=True):
    """A target that passed the filters.

    Attributes:
        score: weighted mean of `values`, 0..1.
        values: what each scorer of the sheet says, 0..1.
        raw: the scorers' unmapped figures; None where a scorer has none.
    """

    view: TargetView
    expectation: Expectation
    score: float
    values: tuple[float, ...] = ()
    raw: tuple[float | None, ...] = ()
    sheet: ScoreSheet = NO_SCORES

    @property
    def scores(self) -> tuple[ScorerValue, ...]:
        """What each scorer says, with its weight; made when it is asked for."""
        return tuple(map(ScorerValue, self.sheet.scorers, self.values, self.sheet.weights, self.raw))

    @property
    def target(self) -> str:
        """`backend/model`."""
        return self.view.name


class Vote(Struct, frozen=True):
    """The vote of one profile in an ensemble."""

    profile: str
    weight: float
    target: str


class Decision(Struct, frozen=True):
    """The outcome of routing one request.

    Attributes:
        candidates: best first; those of the plan lead in the plan's order.
        plan: the ordered targets to try.
        warnings: what the caller should know.
        waived: names of filters that were passed over, where their waivable rejections alone left nothing to try.
        later: with an empty plan, the targets that time alone brings back, and when (monotonic seconds).
    """

    decision_id: str
    decided_at: datetime
    profile: str
    requested_model: str
    classification: Classification
    candidates: tuple[Candidate, ...]
    rejections: tuple[Rejection, ...]
    plan: tuple[str, ...]
    picker: str
    warnings: tuple[str, ...] = ()
    matched_rule: str = ""
    votes: tuple[Vote, ...] = ()
    configuration_version: str = ""
    expectations: Mapping[str, Expectation] = NO_EXPECTATIONS
    waived: frozenset[str] = frozenset()
    later: Mapping[str, float] = NOTHING_LATER

    @property
    def circuit_waived(self) -> bool:
        """Whether targets are tried although their circuits are open."""
        return Waivable.CIRCUIT in self.waived
