"""Targets: what is known about each, and how each fares now. Words are lower case; prices are per 1,000,000 tokens."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from trunkline.money import to_dollars


@dataclass(frozen=True, slots=True)
class Model:
    """A target with its facts and state.

    Attributes:
        target: `backend/model`.
        mode: `chat` or `embedding`.
        context_window_tokens, max_output_tokens, embedding_dimensions: None where not known.
        abilities: `vision`, `tools`, `json_schema`, ...
        input_price_nanodollars, output_price_nanodollars: per 1,000,000 tokens; None where not known.
        quality: 0 to 1.
        capabilities: ratings, 1 to 10.
        state: `ready`, `cooling`, `circuit_open`, ...
        state_reason: why it is in this state.
        clearance: the highest sensitivity that it may see.
        retires_on: YYYY-MM-DD; empty: never.
    """

    target: str
    provider: str
    mode: str
    context_window_tokens: int | None
    max_output_tokens: int | None
    embedding_dimensions: int | None
    abilities: tuple[str, ...]
    input_price_nanodollars: int | None
    output_price_nanodollars: int | None
    quality: float
    capabilities: Mapping[str, int]
    state: str
    state_reason: str
    clearance: str
    simulated: bool
    region: str
    retires_on: str
    successor: str


@dataclass(frozen=True, slots=True)
class Models:
    """Every target, every alias (name to targets) and every profile of a router."""

    models: tuple[Model, ...]
    aliases: Mapping[str, tuple[str, ...]]
    profiles: tuple[str, ...]
    default_profile: str


@dataclass(frozen=True, slots=True)
class TargetRow:
    """One row of the health and load table.

    Attributes:
        target: `backend/model`.
        state: `ready`, `suspect`, `cooling`, `circuit_open`, `half_open`, `draining`, `disabled`, `detached`,
            `not_configured` or `out`.
        workers: attached to its backend.
        in_flight: attempts from this router.
        reported_in_flight: attempts that the workers hold for all routers together.
        queued: attempts that wait in the workers.
        capacity: most attempts at once.
        first_token, latency, latency_p95: seconds; None before the first answer.
        tokens_per_second: 0 before the first answer.
        success_rate: 0 to 1, of the newest 1,000 that say something about the target.
        attempts: settled ones.
        health, availability: 0 to 1; the formulas are in docs/routing.md.
        locality: `host`, `private` or `remote`.
        spent_nanodollars: by this router.
        available_at: when it may be used again, where it is cooling or its circuit is open.
        assumed_share: 0 to 1, how much of times, rates and health is assumed rather than measured: 0 up to a minute
            after the last measurement, then growing.
    """

    target: str
    provider: str
    state: str
    state_reason: str
    workers: int
    in_flight: int
    reported_in_flight: int
    queued: int
    capacity: int
    first_token: float | None
    latency: float | None
    latency_p95: float | None
    tokens_per_second: float
    success_rate: float
    attempts: int
    last_error: str
    last_error_at: datetime | None
    last_heartbeat_at: datetime | None
    clearance: str
    region: str
    resident: bool
    simulated: bool
    available_at: datetime | None
    health: float
    availability: float
    locality: str
    spent_nanodollars: int
    assumed_share: float

    @property
    def backend(self) -> str:
        """The part of the target before the first slash."""
        return self.target.partition("/")[0]

    @property
    def spent_usd(self) -> Decimal:
        """Dollars spent on it by this router."""
        return to_dollars(self.spent_nanodollars)


@dataclass(frozen=True, slots=True)
class Worker:
    """A worker that is attached to the router.

    Attributes:
        suspect: it misses heartbeats.
        draining: it takes no more work.
        peer: where it dialled from.
    """

    worker_id: str
    session_id: str
    backend: str
    version: str
    attached_at: datetime | None
    last_heartbeat_at: datetime | None
    in_flight: int
    suspect: bool
    draining: bool
    peer: str
