"""Every span that ends is counted as what became of it."""

import logging
from collections.abc import Sequence

import pytest
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

from service_common.span_counts import CountingExporter, CountingProcessor, SpanCounts
from service_common.tracing import OncePerOutage


class Collector(OTLPSpanExporter):
    """An exporter whose collector takes spans, or does not."""

    def __init__(self) -> None:
        """Connect to nothing."""
        self.takes = True
        self.broken = False
        self.closed = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Take them, or fail."""
        if self.broken:
            raise RuntimeError("out of order")
        return SpanExportResult.SUCCESS if self.takes else SpanExportResult.FAILURE

    def shutdown(self, timeout_millis: float = 30_000, **_: object) -> None:
        """See `SpanExporter.shutdown`."""
        self.closed = True


class Lab:
    """A provider that exports by way of the counts; `told` counts the batches that were taken."""

    def __init__(self, capacity: int = 2048) -> None:
        """Begin with no span."""
        self.collector = Collector()
        self.counts = SpanCounts()
        self.told = 0
        exporter = CountingExporter(self.collector, self.counts, self._tell)
        self.processor = CountingProcessor(exporter, self.counts, capacity)
        self.provider = TracerProvider(shutdown_on_exit=False)
        self.provider.add_span_processor(self.processor)

    def end(self, spans: int) -> None:
        """End some spans."""
        for _ in range(spans):
            self.provider.get_tracer("test").start_span("span").end()

    def _tell(self) -> None:
        self.told += 1


@pytest.mark.parametrize(("takes", "broken"), [(True, False), (False, False), (True, True)])
def test_sent_or_not(takes: bool, broken: bool) -> None:
    """A collector that takes them, one that does not, an exporter that breaks down; and the exporter is closed."""
    lab = Lab()
    lab.collector.takes, lab.collector.broken = takes, broken
    lab.end(3)
    lab.provider.shutdown()
    sent = takes and not broken
    assert (lab.counts.sent, lab.counts.failed, lab.counts.overflowed) == ((3, 0, 0) if sent else (0, 3, 0))
    assert bool(lab.told) == sent
    assert lab.collector.closed


def test_a_full_queue() -> None:
    """Of what comes while as many wait as may, each drives one out; all that ended are accounted for."""
    counts = SpanCounts()
    for _ in range(10):
        counts.end(4)
    assert (counts.ended, counts.overflowed) == (10, 6)
    counts.taken += 4
    counts.end(4)
    assert counts.overflowed == 6


def test_spans_that_are_not_sampled_are_not_counted() -> None:
    """They are never queued."""
    lab = Lab()
    lab.provider.sampler = ALWAYS_OFF
    lab.end(2)
    lab.provider.shutdown()
    assert lab.counts.ended == 0


def test_one_line_per_outage(caplog: pytest.LogCaptureFixture) -> None:
    """However often the library complains; when spans are taken again that is said, and the next outage is another."""
    once = OncePerOutage("http://collector:4317")
    library = logging.getLogger("tests.span_counts")
    library.addFilter(once)
    with caplog.at_level(logging.INFO):
        for _ in range(2):
            library.error("UNAVAILABLE")
            library.warning("Queue full")
            once.over()
            once.over()
    said = [line.getMessage() for line in caplog.records]
    assert ["again" in line for line in said] == [False, True, False, True]
    assert all("http://collector:4317" in line for line in said)
