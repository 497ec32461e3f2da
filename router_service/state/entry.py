"""One target's row while it lives: counts, circuit, figures, and the view that is made of them."""

from collections import Counter
from datetime import datetime

from msgspec.structs import replace

from router_service.domain.attempt import AttemptOutcome, AttemptRecord, Failure
from router_service.domain.statistics import TargetStatistics
from router_service.domain.switches import ON
from router_service.domain.target import TargetSpec, TargetView
from router_service.state.circuit import CircuitBreaker, CircuitSettings, CircuitState
from router_service.state.cooldowns import Cooldown
from router_service.state.reports import Standing, Together
from router_service.state.rolling_metrics import RollingMetrics, Sample
from service_common.failures import POLICIES, FailureClass
from service_common.vocabulary import Operation, TargetState

MEASURED = frozenset({Operation.COMPLETE, Operation.EMBED})
"""Operations whose attempts say how fast and dear a target is."""

OFFLINE = "offline: true, and it is neither on its worker's host nor in a private network"


class TargetEntry:
    """What the table holds of one target; it outlives reloads of the configuration."""

    __slots__ = (
        "attempts",
        "base",
        "circuit",
        "failures",
        "in_flight",
        "input_tokens",
        "last_error",
        "last_error_at",
        "last_error_wall",
        "metrics",
        "outage",
        "output_tokens",
        "spec",
        "spent",
        "successes",
        "switch",
        "view_due",
        "visible",
    )

    def __init__(self, spec: TargetSpec, circuit: CircuitSettings) -> None:
        """Begin with nothing measured."""
        self.base = spec
        self.spec = spec
        self.visible = True
        self.circuit = CircuitBreaker(circuit)
        self.metrics = RollingMetrics()
        self.in_flight = 0
        self.attempts = 0
        self.successes = 0
        self.failures: Counter[FailureClass] = Counter()
        self.input_tokens = 0
        self.output_tokens = 0
        self.spent = 0
        self.switch = ON
        self.outage: Standing | None = None
        self.last_error = ""
        self.last_error_at: float | None = None
        self.last_error_wall: datetime | None = None
        self.view_due = float("inf")

    def settle(self, record: AttemptRecord, now: float, wall: datetime, *, probe: bool) -> None:
        """Learn from an attempt; `probe`: it was the one that the half-open circuit let through."""
        self.in_flight -= 1
        self.attempts += 1
        self.spent += record.outcome.cost
        self.input_tokens += record.outcome.usage.input_tokens
        self.output_tokens += record.outcome.usage.output_tokens
        failure = record.outcome.failure
        blamed = self._is_to_blame(record.outcome, now)
        if failure is None:
            self.successes += 1
            self.outage = None
            self.circuit.succeeded(probe=probe)
        else:
            self._take_failure(failure, now, wall, probe=probe, blamed=blamed)
        counted = failure is None or blamed
        if counted and record.operation in MEASURED:
            outcome = record.outcome
            sample = Sample(
                outcome.succeeded, outcome.latency, outcome.first_token, outcome.usage.output_tokens, outcome.cost
            )
            self.metrics.add(sample, now)

    def settle_upkeep(self, record: AttemptRecord) -> None:
        """Take note of an attempt that the router made for the target's sake."""
        self.in_flight -= 1
        self.spent += record.outcome.cost

    def take_out(self, failure: Failure) -> None:
        """Leave it alone until something changes. The provider's words may quote a prompt: they are not shown."""
        self.outage = Standing(TargetState.OUT, failure.kind, outage=failure.failure_class)

    def standing(self, workers: Together, cooldown: Cooldown | None, now: float) -> Standing:
        """The first that holds: switched off, no worker, out, draining, cooling, circuit; else what its workers say."""
        if not self.spec.enabled:
            return Standing(TargetState.DISABLED, "disabled in the configuration")
        if self.spec.cut_off:
            return Standing(TargetState.DISABLED, OFFLINE)
        if self.switch.state is not TargetState.READY:
            return Standing(self.switch.state, self.switch.reason or f"{self.switch.state.label} by an operator")
        serving = workers.standing.state
        if serving in (TargetState.DETACHED, TargetState.NOT_CONFIGURED, TargetState.OUT):
            return workers.standing
        if self.outage is not None:
            return _with_doubt(self.outage, workers.standing)
        if serving is TargetState.DRAINING:
            return workers.standing
        if cooldown is not None:
            return Standing(TargetState.COOLING, cooldown.reason, cooldown.until)
        return self._circuit_standing(now) or workers.standing

    def view(self, standing: Standing, workers: Together, capacity: int, now: float) -> TargetView:
        """The row at this moment."""
        return TargetView(
            spec=self.spec,
            state=standing.state,
            state_reason=standing.reason,
            outage=standing.outage,
            available_at=standing.available_at,
            workers=workers.workers,
            in_flight=self.in_flight,
            reported_in_flight=workers.in_flight,
            queued=workers.queued,
            capacity=capacity,
            resident=workers.resident,
            rate_limit_left=workers.rate_limit_left,
            metrics=self.metrics.view(now, self.spec.priors),
            last_error=self.last_error,
            last_error_at=self.last_error_at,
            last_error_wall=self.last_error_wall,
            last_heartbeat_wall=workers.heard_wall,
            attempts=self.attempts,
            spent=self.spent,
        )

    def statistics(self) -> TargetStatistics:
        """Counts since the start, and the windows."""
        windows = self.metrics.windows()
        return TargetStatistics(
            target=self.spec.name,
            attempts=self.attempts,
            successes=self.successes,
            failures=dict(sorted(self.failures.items())),
            latency=windows.latency,
            first_token=windows.first_token,
            tokens_per_second=windows.tokens_per_second,
            spent=self.spent,
            input_tokens=self.input_tokens,
            output_tokens=self.output_tokens,
            reported_quality=windows.reported_quality,
        )

    def _circuit_standing(self, now: float) -> Standing | None:
        state = self.circuit.state(now)
        if state is CircuitState.CLOSED:
            return None
        reason = f"{self.circuit.failures_in_row} failures in a row, last: {self.last_error}"
        if state is CircuitState.HALF_OPEN:
            return Standing(TargetState.HALF_OPEN, reason)
        if state is CircuitState.PROBING:
            return Standing(TargetState.CIRCUIT_OPEN, f"a probe is under way; {reason}")
        return Standing(TargetState.CIRCUIT_OPEN, reason, self.circuit.open_until)

    def _take_failure(self, failure: Failure, now: float, wall: datetime, *, probe: bool, blamed: bool) -> None:
        policy = POLICIES[failure.failure_class]
        self.failures[failure.failure_class] += 1
        if failure.failure_class is not FailureClass.CANCELLED:
            self.last_error = failure.kind  # the provider's words may quote a prompt: they are its call's alone
            self.last_error_at = now
            self.last_error_wall = wall
        if policy.counts_for_circuit and blamed:
            self.circuit.failed(now, probe=probe)
        else:
            self.circuit.abandoned(probe=probe)
        if failure.takes_out:
            self.take_out(failure)

    def _is_to_blame(self, outcome: AttemptOutcome, now: float) -> bool:
        """Whether a failure speaks against the target: not where the caller was in a greater hurry than is usual."""
        failure = outcome.failure
        if failure is None or failure.hurried:
            return False
        if failure.failure_class is FailureClass.TIMEOUT_TOTAL:  # the caller's deadline
            telling = self.metrics.view(now, self.spec.priors).telling_silence
            return outcome.first_token is None and outcome.latency >= telling
        policy = POLICIES[failure.failure_class]
        return policy.counts_for_circuit or policy.cools_down or failure.takes_out


def _with_doubt(outage: Standing, said: Standing) -> Standing:
    """An outage with what a worker that is ready remarks of the target."""
    if said.state is not TargetState.READY or not said.reason:
        return outage
    return replace(outage, reason=f"{outage.reason}; {said.reason}")
