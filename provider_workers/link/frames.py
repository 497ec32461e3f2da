"""Between the worker's values and the frames of `trunkline.worker.v1`.

Each frame is a message of its own, since the outbox joins messages: see `link/outbox.py`.
"""

from typing import Any

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from provider_workers.backends.base import (
    ModelDescription,
    Pulling,
    RateLimitLeft,
    Reasoning,
    Responded,
    Text,
    TokenUsage,
    ToolDelta,
)
from provider_workers.orders import Answered, Failed, Order, Report
from provider_workers.worker import Announcement, CoolDown, Status, Worker
from service_common.durations import duration, fill_duration, seconds
from service_common.failures import FailureClass
from service_common.link import MOST_TOKENS, PROTOCOL_VERSION
from service_common.scrub import printable
from service_common.vocabulary import Operation, Sensitivity
from trunkline.types.v1.chat_pb2 import ToolCallDelta, Usage
from trunkline.types.v1.target_pb2 import ModelFacts
from trunkline.worker.v1 import worker_service_pb2 as wire

LONGEST_ATTEMPT = 3600.0
"""Seconds for an attempt whose dispatch names no end."""

_NOT_SAMPLED = ("0", "2", "4", "6", "8", "a", "c", "e")
"""How a W3C trace context ends whose lowest flag, "sampled", is not set."""

_UNRECORDED = trace.set_span_in_context(trace.NonRecordingSpan(trace.SpanContext(1, 1, is_remote=True)), Context())
"""What stands above the spans of a call that is not recorded: it says only that, since nobody asks for more."""

_PROPAGATOR = TraceContextTextMapPropagator()


def hello(worker: Worker, version: str) -> wire.AttachRequest:
    """The first frame of a stream."""
    settings = worker.settings
    state, reason = worker.state()
    frame = wire.WorkerFrame(
        hello=wire.Hello(
            protocol_version=PROTOCOL_VERSION,
            worker_id=settings.worker_id,
            epoch=settings.epoch,
            backend=settings.backend.name,
            provider=settings.backend.provider,
            models=[_facts(model) for model in worker.description.models],
            capacity=settings.capacity,
            locality=worker.locality.value,  # type: ignore[arg-type]
            clearance=worker.clearance.value,  # type: ignore[arg-type]
            region=settings.region,
            labels=dict(settings.labels),
            version=version,
            simulated=settings.simulated,
            state=state.value,  # type: ignore[arg-type]
            state_reason=_sendable(reason),
            state_failure=_failure(worker.failure),
            takes_any_model=worker.takes_any_model,
        )
    )
    return wire.AttachRequest(frames=[frame])


def heartbeat(sequence: int, status: Status) -> wire.AttachRequest:
    """How the worker fares."""
    frame = wire.WorkerFrame(
        heartbeat=wire.Heartbeat(
            sequence=sequence,
            in_flight=status.in_flight,
            state=status.state.value,  # type: ignore[arg-type]
            state_reason=_sendable(status.state_reason),
            state_failure=_failure(status.state_failure),
            rate_limit=None if status.rate_limit is None else _rate_limit(status.rate_limit),
            resident_models=[_sendable(model) for model in status.resident_models],
        )
    )
    return wire.AttachRequest(frames=[frame])


def _failure(failure: FailureClass | None) -> Any:
    return 0 if failure is None else failure.value


def announcement(said: Announcement) -> wire.AttachRequest:
    """What every router is to know."""
    if isinstance(said, CoolDown):
        cooldown = wire.Cooldown(model=said.model, duration=duration(said.seconds), reason=_sendable(said.reason))
        return wire.AttachRequest(frames=[wire.WorkerFrame(cooldown=cooldown)])
    changed = wire.TargetsChanged(models=[_facts(model) for model in said.models])
    return wire.AttachRequest(frames=[wire.WorkerFrame(targets_changed=changed)])


def draining(reason: str) -> wire.AttachRequest:
    """The worker takes no more."""
    return wire.AttachRequest(frames=[wire.WorkerFrame(draining=wire.Draining(reason=reason))])


def attempt_frame(attempt_id: int, report: Report) -> wire.AttachRequest:
    """A report on an attempt, built in place: a message that is given to another one is encoded and parsed for it."""
    message = wire.AttachRequest()
    event = message.frames.add().attempt_event
    event.attempt_id = attempt_id
    match report:
        case Text(text):
            event.text_delta = text
        case Reasoning(text):
            event.reasoning_delta = text
        case ToolDelta():
            _set_call(event.tool_call_delta, report)
        case TokenUsage():
            _set_usage(event.usage, report)
        case Responded(status):
            event.provider_responded.http_status = status
        case Pulling(status, done, total):
            progress = event.pull_progress
            progress.status, progress.completed_bytes, progress.total_bytes = _sendable(status), done, total
        case Answered():
            _set_finished(event.finished, report)
        case Failed():
            _set_failed(event.failed, report)
    return message


def order(dispatch: wire.Dispatch) -> Order:
    """A dispatch as the worker's order.

    Raises:
        ValueError: an operation or a sensitivity that this version does not know.
    """
    time_left = seconds(dispatch.time_left) if dispatch.HasField("time_left") else LONGEST_ATTEMPT
    first = seconds(dispatch.first_token_timeout) if dispatch.HasField("first_token_timeout") else time_left
    idle = seconds(dispatch.idle_timeout) if dispatch.HasField("idle_timeout") else time_left
    return Order(
        attempt_id=dispatch.attempt_id,
        operation=Operation(dispatch.operation),
        model=dispatch.model,
        body=dispatch.body,
        body_size=dispatch.body_size,
        time_left=time_left,
        first_token_timeout=first,
        idle_timeout=idle,
        credit=dispatch.credit_bytes,
        sensitivity=Sensitivity(dispatch.sensitivity or Sensitivity.INTERNAL),
        prefill=dispatch.prefill,
        whole=dispatch.whole,
        trace=_trace_context(dispatch),
    )


def _set_call(call: ToolCallDelta, delta: ToolDelta) -> None:
    call.index = delta.index
    call.id = delta.id
    call.name = delta.name
    call.arguments_json = delta.arguments_json


def _set_finished(finished: wire.Finished, answered: Answered) -> None:
    finish = answered.finish
    finished.finish_reason = finish.reason.value  # type: ignore[assignment]
    finished.provider_model = _sendable(finish.provider_model)
    finished.provider_request_id = _sendable(finish.provider_request_id)
    finished.body = answered.body
    finished.body_uploaded = answered.body_uploaded
    fill_duration(finished.duration, answered.duration)
    if answered.first_token is not None:
        fill_duration(finished.first_token, answered.first_token)
    if answered.usage is not None:
        _set_usage(finished.usage, answered.usage)


def _set_failed(told: wire.Failed, failed: Failed) -> None:
    told.failure_class = failed.failure_class.value  # type: ignore[assignment]
    told.message = _sendable(failed.message)
    told.http_status = failed.http_status
    told.backend_wide = failed.backend_wide
    fill_duration(told.duration, failed.duration)
    if failed.retry_after is not None:
        fill_duration(told.retry_after, failed.retry_after)
    if failed.usage is not None:
        _set_usage(told.usage, failed.usage)


def _set_usage(told: Usage, usage: TokenUsage) -> None:
    told.input_tokens = _tokens(usage.input_tokens)
    told.output_tokens = _tokens(usage.output_tokens)
    told.cached_input_tokens = _tokens(usage.cached_input_tokens)
    told.reasoning_tokens = _tokens(usage.reasoning_tokens)


def _tokens(count: int) -> int:
    return min(max(count, 0), MOST_TOKENS)


def _sendable(text: str) -> str:
    """`text`, printable, without what no message can hold: JSON may spell half of a character's UTF-16."""
    text = printable(text)
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _facts(model: ModelDescription) -> ModelFacts:
    return ModelFacts(
        model=_sendable(model.model),
        mode=0 if model.mode is None else model.mode.value,  # type: ignore[arg-type]
        context_window_tokens=model.context_window,
        max_output_tokens=model.max_output,
        abilities=sorted(model.abilities),
        embedding_dimensions=model.embedding_dimensions,
        remote=model.remote,
        doubt=_sendable(model.doubt),
    )


def _rate_limit(left: RateLimitLeft) -> wire.RateLimitStatus:
    return wire.RateLimitStatus(
        remaining_requests=left.remaining_requests,
        remaining_tokens=left.remaining_tokens,
        requests_reset=None if left.requests_reset is None else duration(left.requests_reset),
        tokens_reset=None if left.tokens_reset is None else duration(left.tokens_reset),
        limit_requests=left.limit_requests,
        limit_tokens=left.limit_tokens,
    )


def _trace_context(dispatch: wire.Dispatch) -> Context | None:
    if not dispatch.traceparent:
        return None
    if dispatch.traceparent.endswith(_NOT_SAMPLED):
        return _UNRECORDED
    return _PROPAGATOR.extract({"traceparent": dispatch.traceparent, "tracestate": dispatch.tracestate})
