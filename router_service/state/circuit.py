"""A circuit breaker without a clock of its own: outcomes and times in, a state out."""

from collections import deque
from enum import Enum, auto

from msgspec import Struct


class CircuitSettings(Struct, frozen=True):
    """When a circuit opens and for how long. Times in seconds.

    Attributes:
        failures_in_row: so many failures one after the other open it.
        window: outcomes over which the share is counted; they must be that many.
        failure_share: this share of failures in a full window opens it.
        open_for: time until the first probe; doubles with each probe that fails, up to `open_for_max`.
    """

    failures_in_row: int
    window: int
    failure_share: float
    open_for: float
    open_for_max: float


class CircuitState(Enum):
    """Whether attempts are let through."""

    CLOSED = auto()
    OPEN = auto()
    HALF_OPEN = auto()
    PROBING = auto()


class CircuitBreaker:
    """Opens after failures, lets one probe through after a while, and closes when a probe succeeds.

    What attempts that began before it opened come to is not counted while it is open: only the probe decides.
    """

    __slots__ = ("_failures_in_row", "_open_for", "_open_until", "_outcomes", "_probing", "_settings")

    def __init__(self, settings: CircuitSettings) -> None:
        """Begin closed."""
        self._settings = settings
        self._outcomes: deque[bool] = deque(maxlen=settings.window)
        self._failures_in_row = 0
        self._open_for = settings.open_for
        self._open_until: float | None = None
        self._probing = False

    @property
    def failures_in_row(self) -> int:
        """Failures since the last success."""
        return self._failures_in_row

    @property
    def open_until(self) -> float | None:
        """When a probe may go through; None: closed, or a probe is under way."""
        return None if self._probing else self._open_until

    def follow(self, settings: CircuitSettings) -> None:
        """Take other settings; what was counted stays, and an open circuit keeps its time."""
        if settings.window != self._settings.window:
            self._outcomes = deque(self._outcomes, maxlen=settings.window)
        self._settings = settings
        self._open_for = min(max(self._open_for, settings.open_for), settings.open_for_max)

    def state(self, now: float) -> CircuitState:
        """The state at this moment."""
        if self._open_until is None:
            return CircuitState.CLOSED
        if self._probing:
            return CircuitState.PROBING
        return CircuitState.HALF_OPEN if now >= self._open_until else CircuitState.OPEN

    def claim_probe(self, now: float) -> bool:
        """Take the one probe; False: there is none to take."""
        if self.state(now) is not CircuitState.HALF_OPEN:
            return False
        self._probing = True
        return True

    def succeeded(self, *, probe: bool) -> None:
        """An attempt succeeded."""
        if self._open_until is not None and not probe:
            return
        if probe:
            self.reset()
        self._failures_in_row = 0
        self._outcomes.append(True)

    def failed(self, now: float, *, probe: bool) -> None:
        """An attempt failed by the target's fault."""
        if self._open_until is not None and not probe:
            return
        self._failures_in_row += 1
        self._outcomes.append(False)
        if probe:
            self._open_for = min(2 * self._open_for, self._settings.open_for_max)
            self._open(now)
        elif self._failures_in_row >= self._settings.failures_in_row or self._share_reached():
            self._open(now)

    def abandoned(self, *, probe: bool) -> None:
        """An attempt ended without telling anything about the target; a probe may be taken again."""
        if probe:
            self._probing = False

    def half_open(self, now: float) -> None:
        """Let the next attempt probe, however long the circuit was to stay open."""
        if self._open_until is not None:
            self._open_until = min(self._open_until, now)

    def reset(self) -> None:
        """Close, and forget what was."""
        self._outcomes.clear()
        self._failures_in_row = 0
        self._open_for = self._settings.open_for
        self._open_until = None
        self._probing = False

    def _open(self, now: float) -> None:
        self._probing = False
        self._open_until = now + self._open_for

    def _share_reached(self) -> bool:
        if len(self._outcomes) < self._settings.window:
            return False
        return self._outcomes.count(False) >= self._settings.failure_share * self._settings.window
