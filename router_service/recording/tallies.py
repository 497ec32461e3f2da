"""What is counted of calls and attempts for the metrics and by nobody else: plain numbers, read when somebody asks."""

from collections import Counter
from dataclasses import dataclass, field

from router_service.domain.attempt import AttemptRecord
from service_common.clock import Clock
from service_common.failures import FailureClass
from service_common.histogram import Histogram
from service_common.vocabulary import AttemptKind, Operation

FIRST_TOKEN_BOUNDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
ANSWER_BOUNDS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0)
CALL_BOUNDS = (0.005, 0.025, *ANSWER_BOUNDS)
"""Seconds. Overhead shows below 25 ms, providers above 100 ms."""


class CallTally:
    """Calls that ended, by method and status, and how long they took."""

    def __init__(self, clock: Clock) -> None:
        """Begin with none."""
        self._clock = clock
        self.ended: Counter[tuple[str, str]] = Counter()
        self.durations: dict[str, Histogram] = {}

    def began(self) -> float:
        """What to hand to `note` when the call ends."""
        return self._clock.now()

    def note(self, method: str, code: str, began: float) -> None:
        """A call of `method` ended with the gRPC status `code`."""
        self.ended[method, code] += 1
        durations = self.durations.get(method)
        if durations is None:
            durations = self.durations[method] = Histogram(CALL_BOUNDS)
        durations.add(self._clock.now() - began)


@dataclass(slots=True)
class TargetTally:
    """One target. `answers`: whole answers, from dispatch to end; `first_tokens`: of every attempt that showed one."""

    answers: Histogram = field(default_factory=lambda: Histogram(ANSWER_BOUNDS))
    first_tokens: Histogram = field(default_factory=lambda: Histogram(FIRST_TOKEN_BOUNDS))
    cached_input_tokens: int = 0
    reasoning_tokens: int = 0


class AttemptTally:
    """Implements `AttemptObserver`.

    Attributes:
        targets: what callers' attempts came to, by target.
        kinds: callers' attempts by kind and whether they gave a whole answer.
        upkeep: the router's own attempts by operation and failure; None: none.
    """

    def __init__(self) -> None:
        """Begin with none."""
        self.targets: dict[str, TargetTally] = {}
        self.kinds: Counter[tuple[AttemptKind, bool]] = Counter()
        self.upkeep: Counter[tuple[Operation, FailureClass | None]] = Counter()

    def attempt_settled(self, record: AttemptRecord) -> None:
        """See `AttemptObserver.attempt_settled`."""
        outcome = record.outcome
        if not record.decision_id:
            failure = outcome.failure
            self.upkeep[record.operation, None if failure is None else failure.failure_class] += 1
            return
        succeeded = outcome.answer is not None
        self.kinds[record.kind, succeeded] += 1
        tally = self.targets.get(record.target)
        if tally is None:
            tally = self.targets[record.target] = TargetTally()
        if succeeded:
            tally.answers.add(outcome.latency)
        if outcome.first_token is not None:
            tally.first_tokens.add(outcome.first_token)
        tally.cached_input_tokens += outcome.usage.cached_input_tokens
        tally.reasoning_tokens += outcome.usage.reasoning_tokens
