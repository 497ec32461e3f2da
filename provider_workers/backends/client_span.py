"""The span of a request to a provider."""

from collections.abc import Mapping

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import INVALID_SPAN, Span, SpanKind, StatusCode

Attributes = Mapping[str, str | int]


def client_span(tracer: trace.Tracer, name: str, parent: Context | None, attributes: Attributes) -> Span:
    """A client span below `parent`; one that records nothing where the call above it is not recorded."""
    above = trace.get_current_span(parent).get_span_context()
    if above.is_valid and not above.trace_flags.sampled:
        return INVALID_SPAN
    return tracer.start_span(name, context=parent, kind=SpanKind.CLIENT, attributes=attributes)


def mark_failed(span: Span, error_type: str) -> None:
    """Say on a request's span that it failed, in the field of OpenTelemetry's conventions for it."""
    span.set_attribute("error.type", error_type)
    span.set_status(StatusCode.ERROR)
