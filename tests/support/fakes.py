"""Hand-written stand-ins for what surrounds the router: time, recording, a worker's stream."""

from datetime import UTC, datetime, timedelta

from router_service.contracts.dispatch import AttemptOrder
from router_service.domain.attempt import AttemptRecord


class FakeClock:
    """A clock that stands still until it is moved."""

    def __init__(self, now: float = 1_000.0) -> None:
        """Begin at `now`, on a date of no meaning."""
        self._now = now
        self._wall = datetime(2026, 1, 1, tzinfo=UTC)

    def now(self) -> float:
        """See `Clock.now`."""
        return self._now

    def wall(self) -> datetime:
        """See `Clock.wall`."""
        return self._wall

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self._now += seconds
        self._wall += timedelta(seconds=seconds)


class KeptRecording:
    """Implements `AttemptRecording` and `AttemptObserver`: keeps what it is told."""

    def __init__(self, traceparent: str = "", tracestate: str = "") -> None:
        """Begin with nothing told."""
        self.traceparent = traceparent
        self.tracestate = tracestate
        self.records: list[AttemptRecord] = []

    def settled(self, record: AttemptRecord) -> None:
        """See `AttemptRecording.settled`."""
        self.records.append(record)

    def attempt_settled(self, record: AttemptRecord) -> None:
        """See `AttemptObserver.attempt_settled`."""
        self.records.append(record)


class KeptLink:
    """Implements `SessionLink`: keeps what would be sent to a worker."""

    def __init__(self) -> None:
        """Begin with nothing sent."""
        self.dispatched: dict[int, AttemptOrder] = {}
        self.cancelled: list[tuple[int, str]] = []
        self.credits: list[tuple[int, int]] = []
        self.drained: list[tuple[float, str]] = []
        self.closed = ""

    def send_dispatch(self, attempt_id: int, order: AttemptOrder, credit: int) -> None:
        """See `SessionLink.send_dispatch`."""
        self.dispatched[attempt_id] = order

    def send_cancel(self, attempt_id: int, reason: str) -> None:
        """See `SessionLink.send_cancel`."""
        self.cancelled.append((attempt_id, reason))

    def send_credit(self, attempt_id: int, amount: int) -> None:
        """See `SessionLink.send_credit`."""
        self.credits.append((attempt_id, amount))

    def send_drain(self, grace: float, reason: str) -> None:
        """See `SessionLink.send_drain`."""
        self.drained.append((grace, reason))

    def close(self, reason: str) -> None:
        """See `SessionLink.close`."""
        self.closed = reason
