"""Rolling figures of one target: what its attempts came to, and how long that stays true.

Moving averages take 0.1 of each new sample and keep 0.9 of what was (the first sample counts whole). Success rate and
percentiles are those of the last 1,000 samples. health = 0.7 success rate + 0.3 max(0, 1 - mean latency / 5 s).
availability: times 0.95 on an error, times 1.01 on a success up to 1, and its distance from 1 halves every ten seconds.
A measurement stands for a minute after the last sample; then its distance from the prior halves every ten minutes.
"""

from bisect import bisect_left, insort
from collections import deque
from collections.abc import Mapping
from math import ceil
from types import MappingProxyType
from typing import Any

from msgspec import Struct

from router_service.domain.statistics import Summary, Windows
from router_service.domain.target import AVAILABILITY_HALF_LIFE, Priors, TargetMetrics

KEPT = 0.9
WINDOW = 1_000
HEALTH_SUCCESS_WEIGHT = 0.7
HEALTH_LATENCY_WEIGHT = 0.3
HEALTH_LATENCY_REFERENCE = 5.0
AVAILABILITY_ON_ERROR = 0.95
AVAILABILITY_ON_SUCCESS = 1.01
STANDS_FOR = 60.0
FADE_HALF_LIFE = 600.0
FADED = 0.01
"""Share of a measurement below which it is not worth looking at again."""
ORDINARY_ANSWER_TOKENS = 200
"""Length of answer from which the prior of the whole latency follows."""


class Sample(Struct, frozen=True):
    """One settled attempt that says something about its target. Times in seconds, cost in nano-dollars."""

    succeeded: bool
    latency: float
    first_token: float | None = None
    output_tokens: int = 0
    cost: int = 0


class Average:
    """A moving average; None before the first sample."""

    __slots__ = ("value",)

    def __init__(self, value: float | None = None) -> None:
        """Begin with what was known before."""
        self.value = value

    def add(self, sample: float) -> None:
        """Take a sample."""
        self.value = sample if self.value is None else KEPT * self.value + (1 - KEPT) * sample


class SortedWindow:
    """The last samples in order of arrival and of size: mean and any percentile without sorting."""

    __slots__ = ("_arrived", "_size", "_sorted", "_sum")

    def __init__(self, size: int = WINDOW) -> None:
        """Hold at most `size`."""
        self._size = size
        self._arrived: deque[float] = deque()
        self._sorted: list[float] = []
        self._sum = 0.0

    def __len__(self) -> int:
        return len(self._arrived)

    def add(self, sample: float) -> None:
        """Take a sample; the oldest leaves a full window."""
        if len(self._arrived) >= self._size:
            oldest = self._arrived.popleft()
            del self._sorted[bisect_left(self._sorted, oldest)]
            self._sum -= oldest
        self._arrived.append(sample)
        insort(self._sorted, sample)
        self._sum += sample

    @property
    def mean(self) -> float | None:
        """None where it is empty."""
        return self._sum / len(self._arrived) if self._arrived else None

    def percentile(self, share: float) -> float | None:
        """The smallest sample that at least `share` (0..1) of all do not exceed (nearest rank); None: empty."""
        if not self._sorted:
            return None
        return self._sorted[max(0, ceil(share * len(self._sorted)) - 1)]

    @property
    def summary(self) -> Summary:
        """Count, mean, median and 95th percentile."""
        return Summary(len(self._arrived), self.mean, self.percentile(0.5), self.percentile(0.95))

    def samples(self) -> list[float]:
        """In order of arrival."""
        return list(self._arrived)


class _Kept(Struct, frozen=True):
    """Figures, the priors that they were made with, and until when (monotonic seconds) they hold."""

    figures: TargetMetrics
    priors: Priors
    until: float


class RollingMetrics:
    """The figures of one target."""

    def __init__(self) -> None:
        """Begin with nothing measured."""
        self._outcomes: deque[bool] = deque(maxlen=WINDOW)
        self._successes = 0
        self._samples = 0
        self._latencies = SortedWindow()
        self._first_tokens = SortedWindow()
        self._latency = Average()
        self._first_token = Average()
        self._tokens_per_second = Average()
        self._cost = Average()
        self._quality = Average()
        self._quality_by_task: dict[str, tuple[float, int]] = {}
        self._availability = 1.0
        self._last_at = 0.0
        self._kept: _Kept | None = None

    def add(self, sample: Sample, now: float) -> None:
        """Take a settled attempt."""
        self._kept = None
        self._count(sample.succeeded)
        self._samples += 1
        availability = self._availability_at(now)
        change = AVAILABILITY_ON_SUCCESS if sample.succeeded else AVAILABILITY_ON_ERROR
        self._availability = min(1.0, availability * change)
        self._last_at = now
        if sample.first_token is not None:
            self._first_tokens.add(sample.first_token)
            self._first_token.add(sample.first_token)
        if not sample.succeeded:
            return
        self._latencies.add(sample.latency)
        self._latency.add(sample.latency)
        self._cost.add(sample.cost)
        generating = sample.latency - (sample.first_token or 0.0)
        if sample.output_tokens > 1 and generating > 0:
            self._tokens_per_second.add(sample.output_tokens / generating)

    def report_quality(self, value: float, task: str) -> None:
        """Take what a caller said of an answer, 0..1."""
        self._kept = None
        self._quality.add(value)
        known = self._quality_by_task.get(task)
        average = value if known is None else KEPT * known[0] + (1 - KEPT) * value
        self._quality_by_task[task] = (average, 1 if known is None else known[1] + 1)

    @property
    def known(self) -> bool:
        """Whether anything was measured or reported."""
        return bool(self._samples) or self._quality.value is not None

    def changes_with_time(self, now: float) -> bool:
        """Whether the figures will differ later although nothing happens."""
        if not self._samples:
            return False
        return self._weight(now) > FADED or self._availability_at(now) < 1 - FADED / 10

    def view(self, now: float, priors: Priors) -> TargetMetrics:
        """The figures at this moment.

        An attempt that begins changes none of them, so those of the last one that ended are kept.
        """
        kept = self._kept
        if kept is None or kept.priors is not priors or now > kept.until:
            kept = self._kept = _Kept(self._figures(now, priors), priors, self._steady_until(now))
        return kept.figures

    def _steady_until(self, now: float) -> float:
        """How long the figures stay what they are if nothing happens; monotonic seconds."""
        if not self._samples:
            return float("inf")
        return max(now, self._last_at + STANDS_FOR) if self._availability == 1.0 else now

    def _figures(self, now: float, priors: Priors) -> TargetMetrics:
        if not self._samples:
            return TargetMetrics(
                reported_quality=self._quality.value, quality_by_task=MappingProxyType(dict(self._quality_by_task))
            )
        weight = self._weight(now)
        success_rate = _fade(self._successes / len(self._outcomes), priors.success_rate, weight)
        ordinary = priors.first_token + ORDINARY_ANSWER_TOKENS / priors.tokens_per_second
        mean_latency = self._latencies.mean
        for_health = ordinary if mean_latency is None else _fade(mean_latency, ordinary, weight)
        return TargetMetrics(
            samples=self._samples,
            success_rate=success_rate,
            first_token=_fade_known(self._first_token.value, priors.first_token, weight),
            first_token_p95=self._first_tokens.percentile(0.95),
            first_token_p99=self._first_tokens.percentile(0.99),
            latency=_fade_known(self._latency.value, ordinary, weight),
            latency_p95=self._latencies.percentile(0.95),
            tokens_per_second=_fade_known(self._tokens_per_second.value, priors.tokens_per_second, weight),
            availability=self._availability_at(now),
            health=HEALTH_SUCCESS_WEIGHT * success_rate
            + HEALTH_LATENCY_WEIGHT * max(0.0, 1 - for_health / HEALTH_LATENCY_REFERENCE),
            assumed_share=1 - weight,
            reported_quality=self._quality.value,
            quality_by_task=MappingProxyType(dict(self._quality_by_task)),
        )

    def windows(self) -> Windows:
        """What was measured as it is, neither faded nor replaced by what is assumed."""
        return Windows(
            latency=self._latencies.summary,
            first_token=self._first_tokens.summary,
            tokens_per_second=self._tokens_per_second.value,
            cost=self._cost.value,
            reported_quality=self._quality.value,
        )

    def export(self, now: float) -> dict[str, Any]:
        """Everything as plain values, for `restore` in a later process; times as seconds ago."""
        return {
            "outcomes": "".join("+" if succeeded else "-" for succeeded in self._outcomes),
            "samples": self._samples,
            "latencies": self._latencies.samples(),
            "first_tokens": self._first_tokens.samples(),
            "latency": self._latency.value,
            "first_token": self._first_token.value,
            "tokens_per_second": self._tokens_per_second.value,
            "cost": self._cost.value,
            "quality": self._quality.value,
            "quality_by_task": {task: list(known) for task, known in self._quality_by_task.items()},
            "availability": self._availability,
            "age": now - self._last_at,
        }

    @classmethod
    def restore(cls, saved: Mapping[str, Any], now: float) -> "RollingMetrics":
        """What `export` gave."""
        metrics = cls()
        for mark in saved["outcomes"]:
            metrics._count(mark == "+")
        metrics._samples = saved["samples"]
        for latency in saved["latencies"]:
            metrics._latencies.add(latency)
        for first_token in saved["first_tokens"]:
            metrics._first_tokens.add(first_token)
        metrics._latency = Average(saved["latency"])
        metrics._first_token = Average(saved["first_token"])
        metrics._tokens_per_second = Average(saved["tokens_per_second"])
        metrics._cost = Average(saved["cost"])
        metrics._quality = Average(saved["quality"])
        metrics._quality_by_task = {task: (known[0], known[1]) for task, known in saved["quality_by_task"].items()}
        metrics._availability = saved["availability"]
        metrics._last_at = now - saved["age"]
        return metrics

    def _count(self, succeeded: bool) -> None:
        if len(self._outcomes) == WINDOW:
            self._successes -= self._outcomes[0]
        self._outcomes.append(succeeded)
        self._successes += succeeded

    def _weight(self, now: float) -> float:
        age = max(0.0, now - self._last_at - STANDS_FOR)
        return float(0.5 ** (age / FADE_HALF_LIFE))

    def _availability_at(self, now: float) -> float:
        since = max(0.0, now - self._last_at)
        return float(1 - (1 - self._availability) * 0.5 ** (since / AVAILABILITY_HALF_LIFE))


def _fade(measured: float, prior: float, weight: float) -> float:
    return measured if weight == 1.0 else prior + (measured - prior) * weight


def _fade_known(measured: float | None, prior: float, weight: float) -> float | None:
    return None if measured is None else _fade(measured, prior, weight)
