"""Shows to Prometheus what became of spans."""

from collections.abc import Iterator
from dataclasses import dataclass

from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

from service_common.span_counts import SpanCounts


@dataclass(frozen=True, slots=True, eq=False)
class SpanCollector(Collector):
    """Reads the counts of one exporter."""

    counts: SpanCounts

    def collect(self) -> Iterator[Metric]:
        """See `Collector.collect`."""
        text = "Spans by what became of them: sent, not taken by the collector, or given up in a full queue"
        family = CounterMetricFamily("trunkline_spans", text, labels=("outcome",))
        outcomes = {"sent": self.counts.sent, "failed": self.counts.failed, "overflowed": self.counts.overflowed}
        for outcome, count in outcomes.items():
            family.add_metric((outcome,), count)
        yield family
