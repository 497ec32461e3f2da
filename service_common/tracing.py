"""OpenTelemetry set-up that router and workers share: OTLP over gRPC, batched, never blocking a request.

Only a process that has somewhere to send its spans imports this: see `service_common.trace_endpoint`.
"""

import logging
import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass

from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.environment_variables import OTEL_BSP_MAX_QUEUE_SIZE
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased

from service_common.scrub import scrub
from service_common.span_counts import CountingExporter, CountingProcessor, SpanCounts

EXPORT_TIMEOUT_SECONDS = 5.0
CLOSE_TIMEOUT = 3.0
"""Seconds that a process that ends waits for the collector to take its last spans."""
QUEUE_SIZE = 2048
"""Spans that wait to be sent at most, where OTEL_BSP_MAX_QUEUE_SIZE says nothing."""
EXPORTER_LOGGERS = ("opentelemetry.exporter.otlp.proto.grpc.exporter", "opentelemetry.sdk._shared_internal")

log = logging.getLogger(__name__)


class KnownResource(Resource):
    """The one resource of a process, whose hash is made once.

    The exporter asks for the hash at every span, and OpenTelemetry makes it by way of JSON, which takes 6 to 13 us.
    """

    def __init__(self, resource: Resource) -> None:
        """As `resource`."""
        super().__init__(resource.attributes, resource.schema_url)
        self._hash = super().__hash__()

    def __hash__(self) -> int:
        """As `Resource` has it."""
        return self._hash


class OncePerOutage(logging.Filter):
    """Lets the exporter's first complaint through as one plain line, and drops those that repeat it."""

    def __init__(self, endpoint: str) -> None:
        """Remember what to name in the line."""
        super().__init__()
        self._endpoint = endpoint
        self._said = False

    def over(self) -> None:
        """Spans were sent: the next complaint is about another outage."""
        if self._said:
            self._said = False
            log.info("Traces are sent to %s again", self._endpoint)

    def filter(self, record: logging.LogRecord) -> bool:
        """Rewrite the first record of level warning or above; drop the others."""
        if record.levelno < logging.WARNING:
            return True
        if self._said:
            return False
        self._said = True
        record.msg = "Traces cannot be sent to %s; they are dropped until it answers. Requests are not affected."
        record.args = (self._endpoint,)
        record.exc_info = None
        return True


@dataclass(frozen=True, slots=True)
class Tracing:
    """What `configure_tracing` set up, and what became of its spans.

    Attributes:
        endpoint: where they go.
    """

    provider: TracerProvider
    spans: SpanCounts
    exporter: CountingExporter
    endpoint: str

    def close(self, timeout: float = CLOSE_TIMEOUT) -> None:
        """Send what is queued, for `timeout` seconds at most, and end. It blocks for as long."""
        # The provider waits 30 s, and the exporter 5 s for each batch; once it is shut down, it gives up at once.
        giving_up = threading.Timer(timeout, self._give_up, (timeout,))
        giving_up.daemon = True
        giving_up.start()
        try:
            self.provider.shutdown()
        finally:
            giving_up.cancel()

    def _give_up(self, timeout: float) -> None:
        said = "%d spans are given up: %s did not take them within %g s"
        log.warning(said, self.spans.waiting, self.endpoint, timeout)
        self.exporter.shutdown()


def configure_tracing(
    service_name: str,
    endpoint: str,
    *,
    sample: float | None = None,
    attributes: Mapping[str, str] | None = None,
) -> Tracing | None:
    """A provider that exports to `endpoint` (`http://host:4317`).

    None, with a warning, where an OTEL variable is wrong: no call depends on traces.

    Args:
        service_name: the resource's `service.name`.
        endpoint: see `trace_endpoint`.
        sample: share of new traces to record, 0..1; None: as OTEL_TRACES_SAMPLER says, else all.
        attributes: more resource attributes.
    """
    try:
        resource = KnownResource(Resource.create({"service.name": service_name, **(attributes or {})}))
        return _set_up(endpoint, resource, sample)
    except Exception as error:  # OpenTelemetry has no class of its own for variables that it cannot read
        log.warning("There are no traces: %s", scrub(f"{type(error).__name__}: {error}"))
        return None


def _set_up(endpoint: str, resource: Resource, sample: float | None) -> Tracing:
    sampler = None if sample is None else ParentBased(TraceIdRatioBased(sample))
    provider = TracerProvider(resource=resource, sampler=sampler, shutdown_on_exit=False)
    exporter = OTLPSpanExporter(
        endpoint=endpoint, insecure=not endpoint.startswith("https://"), timeout=EXPORT_TIMEOUT_SECONDS
    )
    once = OncePerOutage(endpoint)
    counts = SpanCounts()
    said = os.environ.get(OTEL_BSP_MAX_QUEUE_SIZE, "")
    capacity = int(said) if said.isdecimal() and int(said) else QUEUE_SIZE
    counting = CountingExporter(exporter, counts, once.over)
    provider.add_span_processor(CountingProcessor(counting, counts, capacity))
    for name in EXPORTER_LOGGERS:
        logging.getLogger(name).addFilter(once)
    return Tracing(provider, counts, counting, endpoint)
