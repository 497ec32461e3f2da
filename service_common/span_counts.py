"""Counts what becomes of spans: queued, given up in a full queue, sent, or not taken by the collector."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

from service_common.metric_families import MetricFamily, Row, counter

SCHEDULE_DELAY_MILLISECONDS = 500


@dataclass(slots=True)
class SpanCounts:
    """Spans since the process began.

    Attributes:
        ended: given to the exporter's queue.
        overflowed: the oldest of a full queue, which gave way.
        taken: given to the exporter; then `sent`, or `failed`: the collector did not take them.
    """

    ended: int = 0
    overflowed: int = 0
    taken: int = 0
    sent: int = 0
    failed: int = 0

    @property
    def waiting(self) -> int:
        """Spans that are queued, or on their way to the collector."""
        return self.ended - self.overflowed - self.sent - self.failed

    def end(self, capacity: int) -> None:
        """One more is queued, where `capacity` may wait."""
        if self.ended - self.overflowed - self.taken >= capacity:
            self.overflowed += 1
        self.ended += 1

    def collect(self) -> Iterator[MetricFamily]:
        """See `Collector.collect`."""
        outcomes = {"sent": self.sent, "failed": self.failed, "overflowed": self.overflowed}
        text = "Spans by what became of them: sent, not taken by the collector, or given up in a full queue"
        rows: Iterator[Row] = (((outcome,), count) for outcome, count in outcomes.items())
        yield counter("spans", text, ("outcome",), rows)


class CountingExporter(SpanExporter):
    """Counts what the collector takes. Called in the exporter's own thread alone."""

    def __init__(self, exporter: OTLPSpanExporter, counts: SpanCounts, on_sent: Callable[[], None]) -> None:
        """Pass everything on to `exporter`; `on_sent` is told of every batch that was taken."""
        self._exporter = exporter
        self._counts = counts
        self._on_sent = on_sent

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """See `SpanExporter.export`."""
        self._counts.taken += len(spans)
        result = SpanExportResult.FAILURE
        try:
            result = self._exporter.export(spans)
        finally:
            if result is SpanExportResult.SUCCESS:
                self._counts.sent += len(spans)
                self._on_sent()
            else:
                self._counts.failed += len(spans)
        return result

    def shutdown(self, timeout_millis: float = 30_000) -> None:
        """See `SpanExporter.shutdown`."""
        self._exporter.shutdown(timeout_millis)

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """See `SpanExporter.force_flush`."""
        return self._exporter.force_flush(timeout_millis)


class CountingProcessor(BatchSpanProcessor):
    """Counts the spans that are queued."""

    def __init__(self, exporter: CountingExporter, counts: SpanCounts, capacity: int) -> None:
        """Queue `capacity` spans at most."""
        super().__init__(exporter, max_queue_size=capacity, schedule_delay_millis=SCHEDULE_DELAY_MILLISECONDS)
        self._counts = counts
        self._capacity = capacity

    def on_end(self, span: ReadableSpan) -> None:
        """See `SpanProcessor.on_end`."""
        if span.context is not None and span.context.trace_flags.sampled:
            self._counts.end(self._capacity)
        super().on_end(span)
