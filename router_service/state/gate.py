"""The gate before the targets: lets attempts through while there is room, and learns from what they come to."""

from router_service.contracts.dispatch import AttemptOrder, Refusal
from router_service.contracts.link import Claim
from router_service.domain.attempt import AttemptRecord, Failure
from router_service.state.circuit import CircuitState
from router_service.state.entry import TargetEntry
from router_service.state.limits import LimitBook, Limited
from router_service.state.roster import Roster
from router_service.state.rows import Rows
from service_common.clock import Clock
from service_common.failures import POLICIES, FailureClass
from service_common.vocabulary import Operation, TargetState

SERVING = frozenset({TargetState.READY, TargetState.SUSPECT, TargetState.HALF_OPEN})
MAINTENANCE = frozenset({Operation.PROBE, Operation.WARM_UP, Operation.PULL_MODEL})
"""Operations that a target may be asked for although it takes no prompts."""


class Gate:
    """Implements `AttemptGate`: counts the attempts in flight per target and backend.

    Attributes:
        default_cooldown: seconds of a rate limit that does not say how long it lasts.
    """

    def __init__(self, roster: Roster, rows: Rows, clock: Clock, limits: LimitBook, default_cooldown: float) -> None:
        """Begin with nothing in flight."""
        self.default_cooldown = default_cooldown
        self._roster = roster
        self._rows = rows
        self._clock = clock
        self._limits = limits
        self._backend_in_flight: dict[str, int] = {}

    def claim(self, order: AttemptOrder) -> Claim | Refusal:
        """See `AttemptGate.claim`."""
        now = self._clock.now()
        name, backend = order.spec.name, order.spec.backend
        entry = self._roster.find(name)
        upkeep = order.upkeep or order.operation in MAINTENANCE
        if entry is None and not upkeep:
            return Refusal(f"{name} is not in the configuration any more")
        probe = waived = False
        minute = 0
        if entry is not None and not upkeep:
            counted = self._count(entry, order, now)
            if isinstance(counted, Refusal):
                return counted
            minute = counted
            probe = entry.circuit.claim_probe(now)
            waived = not probe and entry.circuit.state(now) is not CircuitState.CLOSED
        if entry is not None:
            entry.in_flight += 1
            self._rows.touch((name,))
        self._backend_in_flight[backend] = self._backend_in_flight.get(backend, 0) + 1
        tokens = None if upkeep else order.input_tokens + order.output_tokens
        return Claim(name, backend, probe, waived, upkeep, listed=entry is not None, tokens=tokens, minute=minute)

    def settle(self, claim: Claim, record: AttemptRecord) -> None:
        """See `AttemptGate.settle`."""
        self._backend_in_flight[claim.backend] -= 1
        if not self._backend_in_flight[claim.backend]:
            del self._backend_in_flight[claim.backend]
        if claim.tokens is not None:
            usage = record.outcome.usage
            difference = usage.input_tokens + usage.output_tokens - claim.tokens
            self._limits.correct((claim.target, claim.backend), difference, claim.minute)
        if not claim.listed:
            return
        entry = self._roster.entries[claim.target]
        if claim.upkeep:
            entry.settle_upkeep(record)
            self._rows.touch((claim.target,))
            return
        probe = claim.probe or (claim.waived and record.outcome.failure is None)
        entry.settle(record, self._clock.now(), self._clock.wall(), probe=probe)
        self._rows.touch((claim.target,))
        if record.outcome.failure is not None:
            self._learn_from(claim, record.outcome.failure)

    def free_slots(self, target: str) -> float:
        """Attempts that the configuration lets a target begin now; infinite: it does not say."""
        entry = self._roster.find(target)
        return 0 if entry is None else self._free(entry)

    def _count(self, entry: TargetEntry, order: AttemptOrder, now: float) -> int | Refusal:
        """Count it against the limits per minute, and return the minute; or why the target does not take it."""
        standing = self._rows.standing(entry, now)
        if standing.state not in SERVING and not (order.circuit_waived and standing.state is TargetState.CIRCUIT_OPEN):
            retry_after = None if standing.available_at is None else max(0.0, standing.available_at - now)
            reason = f"{entry.spec.name} is {standing.state.label}: {standing.reason}"
            return Refusal(reason, retry_after)
        if order.sensitivity > entry.spec.clearance:
            return Refusal(f"{entry.spec.name} may see {entry.spec.clearance.label} requests at most")
        if self._free(entry) <= 0:
            return Refusal(f"{entry.spec.name} or its backend is at its limit of attempts", at_capacity=True)
        limited = (
            Limited(entry.spec.name, entry.spec.limits),
            Limited(entry.spec.backend, self._roster.backends[entry.spec.backend].limits),
        )
        return self._limits.claim(limited, order.input_tokens + order.output_tokens)

    def _free(self, entry: TargetEntry) -> float:
        own = entry.spec.limits.concurrency
        most = self._roster.backends[entry.spec.backend].max_concurrency
        free = float("inf") if own is None else own - entry.in_flight
        return free if most is None else min(free, most - self._backend_in_flight.get(entry.spec.backend, 0))

    def _learn_from(self, claim: Claim, failure: Failure) -> None:
        policy = POLICIES[failure.failure_class]
        scope = claim.backend if failure.backend_wide else claim.target
        reason = failure.kind  # never the provider's words, which may quote a prompt: every other call is shown this
        if failure.retry_after is not None or policy.cools_down:
            seconds = self.default_cooldown if failure.retry_after is None else failure.retry_after
            self._rows.cool_down(scope, seconds, reason)
        if failure.takes_out and failure.backend_wide:
            names = self._concerned(claim, failure)
            for name in names:
                self._roster.entries[name].take_out(failure)
            self._rows.touch(names)

    def _concerned(self, claim: Claim, failure: Failure) -> list[str]:
        """The targets that a failure of the whole backend takes out; of calls that are not there, those asked alike."""
        names = list(self._roster.targets_of(claim.backend))
        if failure.failure_class is not FailureClass.UNSUPPORTED:
            return names
        mode = self._roster.entries[claim.target].spec.mode
        return [name for name in names if self._roster.entries[name].spec.mode is mode]
