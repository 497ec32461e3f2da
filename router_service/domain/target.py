"""Targets: what is known about each, and how it fares at one moment."""

from collections.abc import Mapping
from datetime import date, datetime
from types import MappingProxyType

from msgspec import Struct
from msgspec.structs import force_setattr

from service_common.failures import FailureClass
from service_common.vocabulary import Locality, ModelMode, Sensitivity, TargetState

NO_RATINGS: Mapping[str, int] = MappingProxyType({})
ENOUGH_REPORTS = 20
"""Callers' reports of one task from which their average counts instead of the target's quality in general."""


class Price(Struct, frozen=True):
    """Nano-dollars per 1,000,000 tokens.

    Attributes:
        long: the price of every token where the prompt has more than `long_above`, cached ones among them; None: the
            same as of short ones.
    """

    input: int
    output: int
    cached_input: int
    long_above: int = 0
    long: "Price | None" = None

    def cost(self, input_tokens: int, output_tokens: int, cached_input_tokens: int = 0) -> int:
        """Nano-dollars of one answer, rounded up to whole nano-dollars."""
        if self.long is not None and input_tokens > self.long_above:
            return self.long.cost(input_tokens, output_tokens, cached_input_tokens)
        if cached_input_tokens:
            plain = max(0, input_tokens - cached_input_tokens)
            total = plain * self.input + cached_input_tokens * self.cached_input + output_tokens * self.output
        else:
            total = input_tokens * self.input + output_tokens * self.output
        return -(-total // 1_000_000)


FREE = Price(0, 0, 0)


class Priors(Struct, frozen=True):
    """What is assumed of a target that was never tried.

    Attributes:
        first_token: seconds.
        tokens_per_second: of the answer.
        success_rate: 0..1.
    """

    first_token: float = 0.8
    tokens_per_second: float = 50.0
    success_rate: float = 0.98


class Limits(Struct, frozen=True):
    """What a target or backend is given at most; None: no limit.

    Attributes:
        requests_per_minute, tokens_per_minute: over any 60 s; tokens of prompts and answers together.
        concurrency: attempts at once.
    """

    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    concurrency: int | None = None


UNLIMITED = Limits()


class BackendPolicy(Struct, frozen=True):
    """What the configuration allows a backend, whatever its workers say.

    Attributes:
        kind: one of `BACKEND_KINDS`.
        clearance: None: not configured; then `internal`, or `confidential` for an Ollama on this host or a private
            address (never for its cloud models). The worker's own clearance may lower it.
        discover: models that a worker reports but the configuration does not list may be used.
        max_concurrency: most attempts at once over all its workers; None: what the workers say.
        limits: per minute, over all its targets; their `concurrency` is part of `max_concurrency`.
        offline: used only if it is on its workers' host or in a private network.
        warm_up: models to keep in memory.
    """

    name: str
    kind: str
    provider: str
    clearance: Sensitivity | None = None
    region: str = ""
    enabled: bool = True
    discover: bool = False
    simulated: bool = False
    max_concurrency: int | None = None
    limits: Limits = UNLIMITED
    priors: Priors = Priors()
    offline: bool = False
    warm_up: frozenset[str] = frozenset()


class TargetSpec(Struct, frozen=True):
    """What is known about a target: configuration over worker's report over the table of facts.

    Attributes:
        name: `backend/model`.
        price: None: not known.
        context_window, max_output: tokens; None: not known.
        quality: 0..1.
        capabilities: ratings 1..10 by name.
        tags: capabilities by name alone (the yes-or-no catalogue; `general` is any).
        abilities: `vision`, `tools`, `json_schema`, `files`, `reasoning`, `prompt_caching`, `prefill`, `streaming`.
        retires_on: day after which it is not used; `successor`: the target that replaces it.
        remote: runs in a provider's cloud although the backend is a local server.
        cut_off: it is outside, and the configuration is offline.
        configured: names of the fields that the configuration itself sets; what a worker reports does not replace them.
    """

    name: str
    backend: str
    model: str
    provider: str
    mode: ModelMode = ModelMode.CHAT
    price: Price | None = None
    context_window: int | None = None
    max_output: int | None = None
    quality: float = 0.5
    capabilities: Mapping[str, int] = NO_RATINGS
    tags: frozenset[str] = frozenset()
    abilities: frozenset[str] = frozenset()
    clearance: Sensitivity = Sensitivity.INTERNAL
    locality: Locality = Locality.REMOTE
    region: str = ""
    enabled: bool = True
    simulated: bool = False
    remote: bool = False
    cut_off: bool = False
    tier: int = 0
    embedding_dimensions: int | None = None
    retires_on: date | None = None
    successor: str = ""
    priors: Priors = Priors()
    limits: Limits = UNLIMITED
    configured: frozenset[str] = frozenset()

    def retired(self, today: date) -> str:
        """Since when the model is not used any more, and what takes its place; empty: it is not retired."""
        if self.retires_on is None or self.retires_on >= today:
            return ""
        return f"retired on {self.retires_on}" + (f", use {self.successor}" if self.successor else "")


ENOUGH_SAMPLES = 20
"""Answers from which a target's percentiles say what is usual of it."""
SILENCE_FACTOR = 3.0
LONG_SILENCE = 5.0

AVAILABILITY_HALF_LIFE = 10.0
"""Seconds in which a target's availability comes half the way back to 1."""


class TargetMetrics(Struct, frozen=True):
    """Rolling figures of a target. Times in seconds; None before the first sample (scorers then use the priors).

    Attributes:
        samples: attempts settled and counted.
        success_rate: 0..1, over the window.
        availability: 0..1; times 0.95 on error, times 1.01 on success, drifting back to 1 with time.
        health: 0..1; 0.7 success rate + 0.3 max(0, 1 - mean latency / 5 s).
        assumed_share: 0..1, how much of the figures is the priors' rather than measured.
        reported_quality: moving average of what callers reported; None before the first.
        quality_by_task: the same per task label, with the number of reports.
    """

    samples: int = 0
    success_rate: float | None = None
    first_token: float | None = None
    first_token_p95: float | None = None
    first_token_p99: float | None = None
    latency: float | None = None
    latency_p95: float | None = None
    tokens_per_second: float | None = None
    availability: float = 1.0
    health: float = 1.0
    assumed_share: float = 1.0
    reported_quality: float | None = None
    quality_by_task: Mapping[str, tuple[float, int]] = MappingProxyType({})

    @property
    def usual_silence(self) -> float | None:
        """Seconds until the first token beyond which the target is slower than ever; None: too little is known.

        Three times the 99th percentile, after 20 answers.
        """
        p99 = self.first_token_p99
        return None if p99 is None or self.samples < ENOUGH_SAMPLES else SILENCE_FACTOR * p99

    @property
    def telling_silence(self) -> float:
        """Seconds without a token that speak against the target, however little time its callers have."""
        usual = self.usual_silence
        return LONG_SILENCE if usual is None else usual


class TargetView(Struct, frozen=True):
    """One row of the table at one moment: what filters and scorers read.

    Attributes:
        outage: the failure for which it is out; None: it is not, or for no failure of its provider.
        available_at: monotonic seconds when a cooling or open-circuit target may be tried again; None: now or never.
        in_flight: attempts of this router; `reported_in_flight`: of all routers, by the workers' heartbeats.
        rate_limit_left: share of the provider's own rate limit that is left, 0..1; None: not known.
        last_error_at: monotonic seconds.
        success_rate, first_token, tokens_per_second: measured, else the prior; 0..1, seconds, tokens a second. These
            and `load` are derived: what is given for them is overwritten.
        load: attempts in flight and queued, of all routers, per slot: 0 idle, 1 full, more where work waits.
    """

    spec: TargetSpec
    state: TargetState
    state_reason: str = ""
    outage: FailureClass | None = None
    available_at: float | None = None
    workers: int = 0
    in_flight: int = 0
    reported_in_flight: int = 0
    queued: int = 0
    capacity: int = 1
    resident: bool = False
    rate_limit_left: float | None = None
    metrics: TargetMetrics = TargetMetrics()
    last_error: str = ""
    last_error_at: float | None = None
    last_error_wall: datetime | None = None
    last_heartbeat_wall: datetime | None = None
    attempts: int = 0
    spent: int = 0
    success_rate: float = 0.0
    first_token: float = 0.0
    tokens_per_second: float = 0.0
    load: float = 0.0

    def __post_init__(self) -> None:
        """Derive what every decision reads of every row: a row is made when something changes, and read far oftener."""
        metrics, priors = self.metrics, self.spec.priors
        busy = self.in_flight if self.in_flight > self.reported_in_flight else self.reported_in_flight
        keep = force_setattr  # the row is frozen
        keep(self, "success_rate", priors.success_rate if metrics.success_rate is None else metrics.success_rate)
        keep(self, "first_token", priors.first_token if metrics.first_token is None else metrics.first_token)
        keep(self, "tokens_per_second", metrics.tokens_per_second or priors.tokens_per_second)
        keep(self, "load", (busy + self.queued) / (self.capacity or 1))

    @property
    def name(self) -> str:
        """`backend/model`."""
        return self.spec.name

    def quality(self, task: str) -> float:
        """How good the target's answers are, 0..1.

        What callers reported of this task, where at least `ENOUGH_REPORTS` did; else the moving average (0.9 / 0.1) of
        all reports, which begins at the configured quality and so counts for 1 - 0.9^n after n reports.
        """
        metrics = self.metrics
        if metrics.reported_quality is None:
            return self.spec.quality
        by_task = metrics.quality_by_task.get(task)
        if by_task is not None and by_task[1] >= ENOUGH_REPORTS:
            return by_task[0]
        reports = sum(count for _, count in metrics.quality_by_task.values())
        trust = 1 - 0.9**reports
        return trust * metrics.reported_quality + (1 - trust) * self.spec.quality


class TableSnapshot(Struct, frozen=True):
    """The table at one moment.

    Attributes:
        targets: rows by name, in name order.
        taken_at: monotonic seconds.
    """

    targets: Mapping[str, TargetView]
    taken_at: float
