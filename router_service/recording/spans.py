"""Calls, decisions and attempts as OpenTelemetry spans, after the RPC and GenAI semantic conventions.

One trace per call: the server span; below it an internal span for the decision and a client span per attempt; below
that, from the worker's own process, the HTTP call. Candidates and rejections are arrays, so that no span comes near
OpenTelemetry's limit of 128 attributes, however many targets there are.
"""

import json
import time
from collections.abc import Mapping
from functools import lru_cache
from urllib.parse import unquote

from msgspec import Struct
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.semconv._incubating.attributes import error_attributes as error
from opentelemetry.semconv._incubating.attributes import gen_ai_attributes as gen_ai
from opentelemetry.semconv._incubating.attributes import rpc_attributes as rpc
from opentelemetry.trace import Span, SpanContext, SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from opentelemetry.util.types import AttributeValue

from router_service.contracts.recording import AttemptRecording, CallOrigin, CallRecording
from router_service.domain.attempt import AttemptRecord, Failure
from router_service.domain.decision import Decision
from router_service.domain.events import Completed
from router_service.domain.request import Request
from router_service.domain.target import TargetSpec
from router_service.recording.untraced import UntracedCall
from service_common.money import NANO_PER_DOLLAR
from service_common.vocabulary import AttemptKind, Operation

# What gRPC's conventions count as the server's fault: the others leave a server span's status unset.
SERVER_FAULTS = frozenset({"UNKNOWN", "DEADLINE_EXCEEDED", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS"})
OPERATION_NAMES = {Operation.COMPLETE: "chat", Operation.EMBED: "embeddings"}


class TraceRecorder:
    """Opens a server span per call."""

    def __init__(self, provider: TracerProvider, *, content: bool) -> None:
        """Record through `provider`; prompts and answers only where `content` is set."""
        self._tracer = provider.get_tracer("trunkline.router")
        self._propagator = TraceContextTextMapPropagator()
        self._content = content

    def call_started(self, origin: CallOrigin) -> CallRecording:
        """Open the server span as a child of the caller's, where it sent one; none for a call that is not sampled."""
        span = self._tracer.start_span(
            origin.method,
            context=self._context_of(origin),
            kind=SpanKind.SERVER,
            attributes={
                rpc.RPC_SYSTEM_NAME: "grpc",
                rpc.RPC_METHOD: origin.method,
                **_peer_attributes(origin.peer),
            },
        )
        if not span.is_recording():
            context = span.get_span_context()
            tracestate = context.trace_state.to_header()
            return UntracedCall(_traceparent(context), tracestate, trace.format_trace_id(context.trace_id))
        return CallSpans(self._tracer, span, content=self._content)

    def _context_of(self, origin: CallOrigin) -> Context:
        if not origin.traceparent:
            return Context()
        return self._propagator.extract({"traceparent": origin.traceparent, "tracestate": origin.tracestate})


class CallSpans:
    """The spans of one call that is recorded."""

    def __init__(self, tracer: trace.Tracer, span: Span, *, content: bool) -> None:
        """Record below `span`."""
        self._tracer = tracer
        self._span = span
        self._context = trace.set_span_in_context(span)
        self._content = content
        self._began = time.time_ns()
        self._operation = "chat"

    @property
    def trace_id(self) -> str:
        """32 hexadecimal digits."""
        return trace.format_trace_id(self._span.get_span_context().trace_id)

    @property
    def wants_content(self) -> bool:
        """Whether prompts and answers are recorded."""
        return self._content

    def decision_made(self, request: Request, decision: Decision) -> None:
        """Record the whole decision as an internal span that ends now."""
        self._operation = OPERATION_NAMES[request.operation]
        self._span.set_attributes(_request_attributes(request))
        if self._content:
            messages = [{"role": m.role, "parts": [{"type": "text", "content": m.text}]} for m in request.messages]
            self._span.set_attribute(gen_ai.GEN_AI_INPUT_MESSAGES, json.dumps(messages))
        span = self._tracer.start_span(
            "route", context=self._context, start_time=self._began, attributes=_decision_attributes(decision)
        )
        if not decision.plan:
            span.set_status(Status(StatusCode.ERROR, "no target fits"))
        span.end()

    def attempt_started(
        self, decision: Decision, number: int, spec: TargetSpec, kind: AttemptKind, replaced: Failure | None
    ) -> AttemptRecording:
        """Open the client span of one attempt."""
        attributes: dict[str, AttributeValue] = {
            gen_ai.GEN_AI_OPERATION_NAME: self._operation,
            gen_ai.GEN_AI_PROVIDER_NAME: spec.provider,
            gen_ai.GEN_AI_REQUEST_MODEL: spec.model,
            "trunkline.target": spec.name,
            "trunkline.decision.id": decision.decision_id,
            "trunkline.hop": number,
            "trunkline.attempt.kind": kind.label,
        }
        if replaced is not None:
            attributes["trunkline.replaced.failure_class"] = replaced.failure_class.label
            attributes["trunkline.replaced.reason"] = replaced.message
        span = self._tracer.start_span(
            f"{self._operation} {spec.model}", context=self._context, kind=SpanKind.CLIENT, attributes=attributes
        )
        return AttemptSpan(span, self._span)

    def completed(self, event: Completed, text: str) -> None:
        """Note on the server span who answered and what it cost."""
        self._span.set_attributes(
            {
                gen_ai.GEN_AI_USAGE_INPUT_TOKENS: event.usage.input_tokens,
                gen_ai.GEN_AI_USAGE_OUTPUT_TOKENS: event.usage.output_tokens,
                "trunkline.target": event.target,
                "trunkline.attempts": len(event.attempts),
                "trunkline.is_fallback": event.is_fallback,
                "trunkline.cost_usd": event.cost / NANO_PER_DOLLAR,
                "trunkline.simulated": event.simulated,
            }
        )
        if self._content:
            answer = [{"role": "assistant", "parts": [{"type": "text", "content": text}]}]
            self._span.set_attribute(gen_ai.GEN_AI_OUTPUT_MESSAGES, json.dumps(answer))

    def ended(self, status: str, error: str = "") -> None:
        """End the server span with the call's gRPC status."""
        self._span.set_attribute(rpc.RPC_RESPONSE_STATUS_CODE, status)
        if status in SERVER_FAULTS:
            self._span.set_attribute("error.type", status)
            self._span.set_status(Status(StatusCode.ERROR, error))
        elif error:
            self._span.set_attribute("trunkline.error", error)
        self._span.end()


class AttemptSpan(Struct, frozen=True):
    """The client span of one attempt; `call` is the server span above it."""

    span: Span
    call: Span

    @property
    def traceparent(self) -> str:
        """W3C trace context of this span."""
        return _traceparent(self.span.get_span_context())

    @property
    def tracestate(self) -> str:
        """W3C trace state of this span."""
        return self.span.get_span_context().trace_state.to_header()

    def settled(self, record: AttemptRecord) -> None:
        """End the span with what the attempt came to."""
        outcome = record.outcome
        self.span.set_attributes(_outcome_attributes(record))
        if outcome.failure is not None:
            self.span.set_attribute(error.ERROR_TYPE, outcome.failure.failure_class.label)
            if not outcome.cancelled:
                self.span.set_status(Status(StatusCode.ERROR, outcome.failure.message))
        self.span.end()

    def withdrawn(self, reason: str) -> None:
        """Say on the call's span that the target was skipped; this span is never exported."""
        attributes = getattr(self.span, "attributes", None) or {}
        target = str(attributes.get("trunkline.target", ""))
        self.call.add_event("target skipped", {"trunkline.target": target, "trunkline.reason": reason})


def _traceparent(context: SpanContext) -> str:
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{int(context.trace_flags):02x}"


@lru_cache(maxsize=1024)
def _peer_attributes(peer: str) -> Mapping[str, AttributeValue]:
    """The caller as the conventions have it. gRPC says `ipv4:127.0.0.1:5000`, `ipv6:%5B::1%5D:5000` or `unix:PATH`."""
    kind, _, address = unquote(peer).partition(":")
    if kind not in ("ipv4", "ipv6"):
        return {"network.peer.address": address} if address else {}
    host, _, port = address.rpartition(":")
    attributes: dict[str, AttributeValue] = {"network.peer.address": host.strip("[]")}
    if port.isdigit():
        attributes["network.peer.port"] = int(port)
    return attributes


def _request_attributes(request: Request) -> dict[str, AttributeValue]:
    attributes: dict[str, AttributeValue] = {gen_ai.GEN_AI_OPERATION_NAME: OPERATION_NAMES[request.operation]}
    if request.options.model:
        attributes[gen_ai.GEN_AI_REQUEST_MODEL] = request.options.model
    if request.request_id:
        attributes["trunkline.request_id"] = request.request_id
    if request.max_output_tokens is not None:
        attributes[gen_ai.GEN_AI_REQUEST_MAX_TOKENS] = request.max_output_tokens
    if request.labels:
        attributes["trunkline.labels"] = [f"{key}={value}" for key, value in request.labels.items()]
    return attributes


def _decision_attributes(decision: Decision) -> dict[str, AttributeValue]:
    """Parallel arrays: position i of each candidate array is about the same target, and likewise for rejections.

    An array that would be empty is left out: each costs 3 us to keep, encode and send.
    """
    found = decision.classification
    attributes: dict[str, AttributeValue] = {
        "trunkline.decision.id": decision.decision_id,
        "trunkline.profile": decision.profile,
        "trunkline.picker": decision.picker,
        "trunkline.task": found.task.label,
        "trunkline.complexity": found.complexity.label,
        "trunkline.sensitivity": found.sensitivity.label,
        "trunkline.sensitive_kinds": list(found.detected_kinds),
        "trunkline.needed_capabilities": list(found.needed_capabilities),
        "trunkline.input_tokens": found.input_tokens,
        "trunkline.expected_output_tokens": found.expected_output_tokens,
        "trunkline.plan": list(decision.plan),
        "trunkline.candidates": [candidate.target for candidate in decision.candidates],
        "trunkline.candidates.score": [candidate.score for candidate in decision.candidates],
        "trunkline.candidates.expected_latency_s": [c.expectation.latency for c in decision.candidates],
        "trunkline.candidates.expected_cost_usd": [
            (c.expectation.cost or 0) / NANO_PER_DOLLAR for c in decision.candidates
        ],
        "trunkline.rejections": [rejection.target for rejection in decision.rejections],
        "trunkline.rejections.filter": [rejection.filter for rejection in decision.rejections],
        "trunkline.rejections.reason": [rejection.reason for rejection in decision.rejections],
        "trunkline.configuration_version": decision.configuration_version,
    }
    if decision.matched_rule:
        attributes["trunkline.rule"] = decision.matched_rule
    if decision.candidates:
        for position, score in enumerate(decision.candidates[0].scores):
            values = [candidate.values[position] for candidate in decision.candidates]
            attributes[f"trunkline.scorer.{score.scorer}"] = values
    return {name: value for name, value in attributes.items() if value != []}


def _outcome_attributes(record: AttemptRecord) -> dict[str, AttributeValue]:
    outcome = record.outcome
    attributes: dict[str, AttributeValue] = {
        gen_ai.GEN_AI_USAGE_INPUT_TOKENS: outcome.usage.input_tokens,
        gen_ai.GEN_AI_USAGE_OUTPUT_TOKENS: outcome.usage.output_tokens,
        "trunkline.usage.estimated": outcome.usage.estimated,
        "trunkline.cost_usd": outcome.cost / NANO_PER_DOLLAR,
        "trunkline.worker_id": record.worker_id,
        "trunkline.simulated": record.simulated,
    }
    if outcome.first_token is not None:
        attributes[gen_ai.GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK] = outcome.first_token
    if outcome.answer is not None:
        attributes[gen_ai.GEN_AI_RESPONSE_MODEL] = outcome.answer.provider_model
        attributes[gen_ai.GEN_AI_RESPONSE_ID] = outcome.answer.provider_request_id
        attributes[gen_ai.GEN_AI_RESPONSE_FINISH_REASONS] = [outcome.answer.finish_reason.label]
    if outcome.failure is not None:
        attributes["trunkline.failure_class"] = outcome.failure.failure_class.label
        attributes["trunkline.failure"] = outcome.failure.message
        if outcome.failure.http_status:
            attributes["http.response.status_code"] = outcome.failure.http_status
    return attributes
