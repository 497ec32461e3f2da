"""Families of samples in Prometheus' conventions, made one sample at a time, so that no collection takes long at once.

Every name begins with `trunkline_`.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from prometheus_client import ProcessCollector
from prometheus_client.samples import Sample

from service_common.histogram import Histogram

Row = tuple[Sequence[str], float]
"""The labels' values, and the sample."""


@dataclass(frozen=True, slots=True)
class MetricFamily:
    """One metric. `kind`: as Prometheus names it; `samples` may be read once, and may be none."""

    name: str
    text: str
    kind: str
    samples: Iterable[Sample]


class Collector(Protocol):
    """Reads what is counted somewhere."""

    def collect(self) -> Iterator[MetricFamily]:
        """The families as they are now. Read in steps between which others run: what may change its size is copied."""
        ...


class Registry:
    """All that one process shows."""

    def __init__(self) -> None:
        """Begin with what every process tells of itself: memory, processor time, open files, start."""
        self._collectors: list[Collector] = [_Process()]

    def register(self, collector: Collector) -> None:
        """Show this, too."""
        self._collectors.append(collector)

    def collect(self) -> Iterator[MetricFamily]:
        """The families of all collectors."""
        for collector in self._collectors:
            yield from collector.collect()


class _Process:
    def __init__(self) -> None:
        self._collector = ProcessCollector(registry=None)

    def collect(self) -> Iterator[MetricFamily]:
        for metric in self._collector.collect():
            yield MetricFamily(metric.name, metric.documentation, metric.type, metric.samples)


def gauge(name: str, text: str, labels: Sequence[str], rows: Iterable[Row]) -> MetricFamily:
    """What goes up and down."""
    full = f"trunkline_{name}"
    samples = (Sample(full, dict(zip(labels, values, strict=True)), value) for values, value in rows)
    return MetricFamily(full, text, "gauge", samples)


def counter(name: str, text: str, labels: Sequence[str], rows: Iterable[Row]) -> MetricFamily:
    """What only grows; `name` without `_total`."""
    full = f"trunkline_{name}_total"
    samples = (Sample(full, dict(zip(labels, values, strict=True)), value) for values, value in rows)
    return MetricFamily(f"trunkline_{name}", text, "counter", samples)


def histogram(
    name: str, text: str, labels: Sequence[str], rows: Iterable[tuple[Sequence[str], Histogram]]
) -> MetricFamily:
    """Durations in seconds; those that were never measured are left out."""
    full = f"trunkline_{name}"
    samples = (
        sample for values, each in rows for sample in _buckets(full, dict(zip(labels, values, strict=True)), each)
    )
    return MetricFamily(full, text, "histogram", samples)


def _buckets(name: str, labels: dict[str, str], durations: Histogram) -> Iterator[Sample]:
    counts, total = tuple(durations.counts), durations.total  # of one moment
    if not any(counts):
        return
    so_far = 0
    for bound, count in zip((*map(repr, durations.bounds), "+Inf"), counts, strict=True):
        so_far += count
        yield Sample(f"{name}_bucket", {**labels, "le": bound}, so_far)
    yield Sample(f"{name}_count", labels, so_far)
    yield Sample(f"{name}_sum", labels, total)
