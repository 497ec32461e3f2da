"""One deadline from the caller's request to the provider's socket."""

from typing import Self

from msgspec import Struct

from service_common.clock import Clock


class Deadline(Struct, frozen=True):
    """A point on the monotonic clock.

    Attributes:
        at: seconds, as `Clock.now` counts them.
    """

    at: float

    @classmethod
    def after(cls, clock: Clock, seconds: float) -> Self:
        """The deadline `seconds` from now."""
        return cls(clock.now() + seconds)

    def left(self, clock: Clock) -> float:
        """Seconds until the deadline, never below 0."""
        return max(0.0, self.at - clock.now())

    def passed(self, clock: Clock) -> bool:
        """Whether the deadline is over."""
        return clock.now() >= self.at

    def sooner(self, other: Self) -> Self:
        """The earlier of two deadlines."""
        return self if self.at <= other.at else other
