"""Time, injected: everything that reads it or waits takes a `Clock`."""

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Tells the time."""

    def now(self) -> float:
        """Seconds on a clock that never jumps; for durations and deadlines."""
        ...

    def wall(self) -> datetime:
        """The date and time (UTC); for people and for the wire. It may jump."""
        ...


class SystemClock:
    """The machine's clock. `now` is the function itself: it is asked some twenty times per request."""

    now = staticmethod(time.monotonic)

    def wall(self) -> datetime:
        """The date and time in UTC."""
        return datetime.now(UTC)
