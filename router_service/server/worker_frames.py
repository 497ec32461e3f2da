"""Between the worker protocol's frames and the router's values."""

from collections.abc import Callable
from typing import Any

from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import DecodeError
from msgspec import Struct

from router_service.contracts.dispatch import AttemptOrder
from router_service.domain.attempt import Answer, Failure, Usage
from router_service.domain.events import ReasoningDelta, TextDelta, ToolCallDelta
from router_service.domain.signals import AttemptSignal, Failed, Finished, PullProgressed, Responded
from router_service.domain.target import Price
from router_service.domain.worker import ModelReport, RateLimitStatus, WorkerHeartbeat, WorkerHello
from service_common.clock import Clock
from service_common.durations import fill_duration, seconds
from service_common.failures import FailureClass
from service_common.link import LARGEST_INLINE_BODY, LONGEST_WAIT, MOST_TOKENS, PROTOCOL_VERSION
from service_common.vocabulary import FinishReason, Locality, ModelMode, Operation, Sensitivity, WorkerState
from trunkline.router.v1 import router_service_pb2 as router_pb
from trunkline.types.v1 import chat_pb2, target_pb2
from trunkline.worker.v1 import worker_service_pb2 as pb

LONGEST_MESSAGE = 1_000
"""Characters of a failure's message."""
MOST_NANODOLLARS = 10**14
"""For 1,000,000 tokens; a worker that says more is taken to mean this."""
BODY_OPERATIONS = frozenset({Operation.COMPLETE, Operation.EMBED})


class BadFrame(Exception):
    """A worker's frame breaks the protocol; the message says what is wrong and what would be right."""


class UploadedResult(Struct, frozen=True):
    """The answer is whole, and its body was uploaded beside the link."""

    finished: Finished


def hello_of(hello: pb.Hello) -> WorkerHello:
    """A worker's hello.

    Raises:
        BadFrame: another protocol version, or a field is missing or out of range.
    """
    if hello.protocol_version != PROTOCOL_VERSION:
        raise BadFrame(
            f"the worker speaks protocol version {hello.protocol_version}, this router {PROTOCOL_VERSION}: "
            "run the same release on both sides"
        )
    for name in ("worker_id", "backend"):
        if not getattr(hello, name):
            raise BadFrame(f"hello.{name} is empty")
    if hello.capacity < 1:
        raise BadFrame(f"hello.capacity is {hello.capacity}; it must be at least 1")
    return WorkerHello(
        worker_id=hello.worker_id,
        epoch=hello.epoch,
        backend=hello.backend,
        provider=hello.provider,
        models=models_of(hello.models),
        capacity=hello.capacity,
        locality=_word(Locality, hello.locality, Locality.REMOTE),
        clearance=_word(Sensitivity, hello.clearance, Sensitivity.INTERNAL),
        region=hello.region,
        labels=dict(hello.labels),
        version=hello.version,
        simulated=hello.simulated,
        state=_word(WorkerState, hello.state, WorkerState.READY),
        state_reason=hello.state_reason,
        state_failure=_word(FailureClass, hello.state_failure, None),
        takes_any_model=hello.takes_any_model,
    )


def models_of(facts: "Any") -> tuple[ModelReport, ...]:
    """A worker's models.

    Args:
        facts: repeated `trunkline.types.v1.ModelFacts`.

    Raises:
        BadFrame: a model has no name, or two have the same.
    """
    reports: dict[str, ModelReport] = {}
    for index, fact in enumerate(facts):
        if not fact.model:
            raise BadFrame(f"models[{index}].model is empty")
        if fact.model in reports:
            raise BadFrame(f'models[{index}]: "{fact.model}" is there twice')
        reports[fact.model] = _model_of(fact)
    return tuple(reports.values())


def heartbeat_of(heartbeat: pb.Heartbeat) -> WorkerHeartbeat:
    """A worker's heartbeat."""
    return WorkerHeartbeat(
        sequence=heartbeat.sequence,
        in_flight=max(0, heartbeat.in_flight),
        queued=max(0, heartbeat.queued),
        state=_word(WorkerState, heartbeat.state, WorkerState.READY),
        state_reason=heartbeat.state_reason,
        state_failure=_word(FailureClass, heartbeat.state_failure, None),
        rate_limit=_rate_limit_of(heartbeat.rate_limit) if heartbeat.HasField("rate_limit") else None,
        resident_models=frozenset(heartbeat.resident_models),
    )


def wait_of(value: Duration) -> float:
    """How long to wait in seconds: 0 to `LONGEST_WAIT`."""
    return min(max(0.0, seconds(value)), LONGEST_WAIT)


def checked_result(order: AttemptOrder, finished: Finished) -> Finished | Failed:
    """`finished`; a failure where vectors were asked for and it does not hold one for each input."""
    if order.operation is not Operation.EMBED:
        return finished
    wanted = len(router_pb.EmbedRequest.FromString(order.body).inputs)
    try:
        found = len(router_pb.EmbedResponse.FromString(finished.body).embeddings)
    except DecodeError:
        return Failed(Failure(FailureClass.STREAM_BROKEN, "the worker's result cannot be read"), finished.usage)
    if found == wanted:
        return finished
    said = f"the worker sent {found} vectors for {wanted} texts"
    return Failed(Failure(FailureClass.STREAM_BROKEN, said), finished.usage)


def signal_of(event: pb.AttemptEvent) -> AttemptSignal | UploadedResult | None:
    """What a worker says of an attempt; None: something that this version does not know."""
    kind = event.WhichOneof("event")
    if kind == "text_delta":  # nearly all events are of this kind
        return TextDelta(event.text_delta)
    return None if kind is None else _SIGNALS[kind](getattr(event, kind))


def dispatch_message(attempt_id: int, order: AttemptOrder, credit: int, clock: Clock) -> pb.AttachResponse:
    """The message that gives a worker an attempt, with the time that is left now."""
    message = pb.AttachResponse()
    dispatch = message.frames.add().dispatch
    dispatch.attempt_id = attempt_id
    dispatch.operation = order.operation  # type: ignore[assignment]  # here and below: the numbers are the same
    dispatch.model = order.spec.model
    body = order.body if order.operation in BODY_OPERATIONS else b""
    if len(body) + len(order.prefill.encode()) <= LARGEST_INLINE_BODY:
        dispatch.body = body
    else:
        dispatch.body_size = len(body)
    fill_duration(dispatch.time_left, order.deadline.left(clock))
    fill_duration(dispatch.first_token_timeout, order.first_token_timeout)
    fill_duration(dispatch.idle_timeout, order.idle_timeout)
    dispatch.credit_bytes = credit
    dispatch.traceparent = order.recording.traceparent
    dispatch.tracestate = order.recording.tracestate
    dispatch.sensitivity = order.sensitivity  # type: ignore[assignment]
    dispatch.prefill = order.prefill
    dispatch.whole = order.whole
    return message


def _model_of(fact: target_pb2.ModelFacts) -> ModelReport:
    price = None
    if fact.HasField("input_price_nanodollars") and fact.HasField("output_price_nanodollars"):
        cached = fact.input_price_nanodollars
        if fact.HasField("cached_input_price_nanodollars"):
            cached = fact.cached_input_price_nanodollars
        stated = (fact.input_price_nanodollars, fact.output_price_nanodollars, cached)
        for_input, for_output, for_cached = (min(max(0, one), MOST_NANODOLLARS) for one in stated)
        price = Price(for_input, for_output, for_cached)
    return ModelReport(
        model=fact.model,
        mode=_word(ModelMode, fact.mode, None),
        context_window=fact.context_window_tokens or None,
        max_output=fact.max_output_tokens or None,
        abilities=frozenset(fact.abilities),
        embedding_dimensions=fact.embedding_dimensions or None,
        price=price,
        remote=fact.remote,
        doubt=fact.doubt,
    )


def _rate_limit_of(status: pb.RateLimitStatus) -> RateLimitStatus:
    def known(name: str) -> Any:
        return getattr(status, name) if status.HasField(name) else None  # type: ignore[arg-type]  # names as below

    return RateLimitStatus(
        remaining_requests=known("remaining_requests"),
        remaining_tokens=known("remaining_tokens"),
        limit_requests=known("limit_requests"),
        limit_tokens=known("limit_tokens"),
        requests_reset=wait_of(status.requests_reset) if status.HasField("requests_reset") else None,
        tokens_reset=wait_of(status.tokens_reset) if status.HasField("tokens_reset") else None,
    )


def _usage_of(usage: chat_pb2.Usage) -> Usage:
    """Tokens as the worker counts them, each 0 to `MOST_TOKENS`."""
    return Usage(
        _tokens(usage.input_tokens),
        _tokens(usage.output_tokens),
        _tokens(usage.cached_input_tokens),
        _tokens(usage.reasoning_tokens),
        usage.estimated,
    )


def _tokens(count: int) -> int:
    return min(max(0, count), MOST_TOKENS)


def _tool_call_of(delta: chat_pb2.ToolCallDelta) -> ToolCallDelta:
    return ToolCallDelta(delta.index, delta.id, delta.name, delta.arguments_json)


def _finished_of(finished: pb.Finished) -> Finished | UploadedResult:
    reason = _word(FinishReason, finished.finish_reason, FinishReason.STOP)
    result = Finished(
        Answer(reason, finished.provider_model, finished.provider_request_id),
        _usage_of(finished.usage) if finished.HasField("usage") else None,
        finished.body,
    )
    return UploadedResult(result) if finished.body_uploaded else result


def _failed_of(failed: pb.Failed) -> Failed:
    failure = Failure(
        failure_class=_word(FailureClass, failed.failure_class, FailureClass.UNAVAILABLE),
        message=failed.message[:LONGEST_MESSAGE],
        http_status=failed.http_status,
        retry_after=wait_of(failed.retry_after) if failed.HasField("retry_after") else None,
        backend_wide=failed.backend_wide,
    )
    return Failed(failure, _usage_of(failed.usage) if failed.HasField("usage") else None)


def _pull_of(progress: pb.PullProgress) -> PullProgressed:
    return PullProgressed(progress.status, progress.completed_bytes, progress.total_bytes)


_SIGNALS: dict[str, Callable[[Any], AttemptSignal | UploadedResult]] = {
    "text_delta": TextDelta,
    "reasoning_delta": ReasoningDelta,
    "tool_call_delta": _tool_call_of,
    "provider_responded": lambda responded: Responded(responded.http_status),
    "usage": _usage_of,
    "finished": _finished_of,
    "failed": _failed_of,
    "pull_progress": _pull_of,
}


def _word(words: Any, number: int, default: Any) -> Any:
    """The member with that number; `default` for 0 and for numbers of a later version."""
    try:
        return words(number)
    except ValueError:
        return default
