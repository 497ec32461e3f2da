"""The span of a request to a provider: below the call that caused it, and only where that one is recorded."""

import pytest
from opentelemetry.sdk.trace import TracerProvider

from provider_workers.backends.client_span import client_span
from provider_workers.link.frames import order
from trunkline.worker.v1 import worker_service_pb2 as wire

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = "b7ad6b7169203331"


@pytest.mark.parametrize(("flags", "recorded"), [("01", True), ("03", True), ("00", False), ("02", False)])
def test_a_call_that_is_not_recorded_has_no_span_below(flags: str, recorded: bool) -> None:
    """The worker asks no sampler of its own: what the router decided holds. 2 only says that the trace id is random."""
    dispatch = wire.Dispatch(
        attempt_id=1, operation=wire.OPERATION_COMPLETE, traceparent=f"00-{TRACE}-{PARENT}-{flags}"
    )
    tracer = TracerProvider(shutdown_on_exit=False).get_tracer("test")
    span = client_span(tracer, "POST", order(dispatch).trace, {})
    assert span.is_recording() is recorded
    assert (span.get_span_context().trace_id == int(TRACE, 16)) is recorded


def test_the_trace_context_of_a_call_that_is_not_recorded_is_not_read() -> None:
    """Reading it costs more than all else of a dispatch: such calls share one context."""
    orders = [
        order(
            wire.Dispatch(attempt_id=1, operation=wire.OPERATION_COMPLETE, traceparent=f"00-{TRACE}-{PARENT}-{flags}")
        )
        for flags in ("00", "02")
    ]
    assert orders[0].trace is orders[1].trace


def test_an_attempt_without_a_trace_begins_one() -> None:
    """A router that exports nothing sends no trace context; the worker's own set-up then counts."""
    dispatch = wire.Dispatch(attempt_id=1, operation=wire.OPERATION_COMPLETE)
    tracer = TracerProvider(shutdown_on_exit=False).get_tracer("test")
    assert client_span(tracer, "POST", order(dispatch).trace, {}).is_recording()
