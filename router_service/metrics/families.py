"""Makes families of samples in Prometheus' conventions. Every name begins with `trunkline_`."""

from collections.abc import Iterable, Sequence

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

from router_service.recording.histogram import Histogram

Row = tuple[Sequence[str], float]
"""The labels' values, and the sample."""


def gauge(name: str, text: str, labels: Sequence[str], rows: Iterable[Row]) -> GaugeMetricFamily:
    """What goes up and down."""
    family = GaugeMetricFamily(f"trunkline_{name}", text, labels=labels)
    for values, sample in rows:
        family.add_metric(values, sample)
    return family


def counter(name: str, text: str, labels: Sequence[str], rows: Iterable[Row]) -> CounterMetricFamily:
    """What only grows; `name` without `_total`."""
    family = CounterMetricFamily(f"trunkline_{name}", text, labels=labels)
    for values, sample in rows:
        family.add_metric(values, sample)
    return family


def histogram(
    name: str, text: str, labels: Sequence[str], rows: Iterable[tuple[Sequence[str], Histogram]]
) -> HistogramMetricFamily:
    """Durations in seconds; those without a sample are left out."""
    family = HistogramMetricFamily(f"trunkline_{name}", text, labels=labels)
    for values, durations in rows:
        count = 0
        buckets: list[tuple[str, float]] = []
        for bound, inside in zip((*map(repr, durations.bounds), "+Inf"), durations.counts, strict=True):
            count += inside
            buckets.append((bound, count))
        if count:
            family.add_metric(values, buckets=buckets, sum_value=durations.total)
    return family
