"""From the router's messages to the values of this package; sync and async clients share it."""

from trunkline import answers, decisions, events
from trunkline._wire import seconds_of, time_of, word_of
from trunkline.errors import ProtocolError
from trunkline.router.v1 import router_service_pb2 as router_pb2
from trunkline.types.v1 import attempt_pb2, chat_pb2, classification_pb2, decision_pb2


def usage_of(message: chat_pb2.Usage) -> answers.Usage:
    """Tokens of an answer."""
    return answers.Usage(
        input_tokens=message.input_tokens,
        output_tokens=message.output_tokens,
        cached_input_tokens=message.cached_input_tokens,
        reasoning_tokens=message.reasoning_tokens,
        estimated=message.estimated,
    )


def attempt_of(message: attempt_pb2.Attempt) -> answers.Attempt:
    """One target tried once."""
    return answers.Attempt(
        number=message.number,
        target=message.target,
        kind=word_of(attempt_pb2.AttemptKind, message.kind),
        outcome=word_of(attempt_pb2.AttemptOutcome, message.outcome),
        failure_class=word_of(attempt_pb2.FailureClass, message.failure_class) or None,
        failure_message=message.failure_message,
        http_status=message.http_status or None,
        retry_after=seconds_of(message, "retry_after"),
        started_at=time_of(message, "started_at"),
        latency=seconds_of(message, "latency") or 0.0,
        first_token=seconds_of(message, "first_token"),
        usage=usage_of(message.usage),
        cost_nanodollars=message.cost_nanodollars,
        worker_id=message.worker_id,
        simulated=message.simulated,
    )


def completion_of(message: router_pb2.Completed) -> answers.Completion:
    """How a call went."""
    return answers.Completion(
        finish_reason=word_of(chat_pb2.FinishReason, message.finish_reason),
        usage=usage_of(message.usage),
        cost_nanodollars=message.cost_nanodollars,
        target=message.target,
        attempts=tuple(attempt_of(attempt) for attempt in message.attempts),
        decision_id=message.decision_id,
        trace_id=message.trace_id,
        is_fallback=message.is_fallback,
        simulated=message.simulated,
        provider_model=message.provider_model,
        provider_request_id=message.provider_request_id,
        latency=seconds_of(message, "latency") or 0.0,
    )


def answer_of(message: router_pb2.CompleteResponse) -> answers.Answer:
    """A whole answer.

    Raises:
        ProtocolError: the response does not say how the call ended.
    """
    if not message.HasField("completed"):
        raise ProtocolError("the router answered without saying how the call ended; are client and router of one age?")
    calls = tuple(answers.ToolCall(call.id, call.name, call.arguments_json) for call in message.tool_calls)
    return whole_answer(
        completion_of(message.completed),
        said=(message.text, message.reasoning),
        tool_calls=calls,
        decision=decision_of(message.decision),
    )


def whole_answer(
    completion: answers.Completion,
    *,
    said: tuple[str, str],
    tool_calls: tuple[answers.ToolCall, ...],
    decision: decisions.Decision,
) -> answers.Answer:
    """What was said (text, reasoning) together with how the call went."""
    text, reasoning = said
    return answers.Answer(
        finish_reason=completion.finish_reason,
        usage=completion.usage,
        cost_nanodollars=completion.cost_nanodollars,
        target=completion.target,
        attempts=completion.attempts,
        decision_id=completion.decision_id,
        trace_id=completion.trace_id,
        is_fallback=completion.is_fallback,
        simulated=completion.simulated,
        provider_model=completion.provider_model,
        provider_request_id=completion.provider_request_id,
        latency=completion.latency,
        text=text,
        reasoning=reasoning,
        tool_calls=tool_calls,
        decision=decision,
    )


def event_of(message: router_pb2.StreamCompleteResponse) -> events.Event | None:
    """One event of a stream; None for a kind that only a newer client knows."""
    match message.WhichOneof("event"):
        case "text_delta":
            return events.TextDelta(message.text_delta)
        case "reasoning_delta":
            return events.ReasoningDelta(message.reasoning_delta)
        case "tool_call_delta":
            delta = message.tool_call_delta
            return events.ToolCallDelta(delta.index, delta.id, delta.name, delta.arguments_json)
        case "decision":
            return events.Decided(decision_of(message.decision))
        case "attempt_started":
            started = message.attempt_started
            kind = word_of(attempt_pb2.AttemptKind, started.kind)
            return events.AttemptStarted(started.number, started.target, kind, started.simulated)
        case "attempt_failed":
            return events.AttemptFailed(attempt_of(message.attempt_failed))
        case "usage":
            return events.UsageReported(usage_of(message.usage))
        case "stream_reset":
            reset = message.stream_reset
            mode = word_of(router_pb2.StreamResetMode, reset.mode)
            return events.StreamReset(mode, reset.failed_target, reset.valid_characters)
        case "completed":
            return events.Completed(completion_of(message.completed))
        case _:
            return None


def routed_of(message: router_pb2.RouteResponse) -> decisions.Decision:
    """The decision that was asked for.

    Raises:
        ProtocolError: there is none.
    """
    if not message.HasField("decision"):
        raise ProtocolError("the router answered without a decision; are client and router of one age?")
    return decision_of(message.decision)


def decision_of(message: decision_pb2.Decision) -> decisions.Decision:
    """The outcome of routing."""
    return decisions.Decision(
        decision_id=message.decision_id,
        trace_id=message.trace_id,
        decided_at=time_of(message, "decided_at"),
        profile=message.profile,
        picker=message.picker,
        requested_model=message.requested_model,
        classification=_classification_of(message.classification),
        candidates=tuple(_candidate_of(candidate) for candidate in message.candidates),
        rejections=tuple(
            decisions.Rejection(rejection.target, rejection.filter, rejection.reason, rejection.relaxation)
            for rejection in message.rejections
        ),
        plan=tuple(message.plan),
        warnings=tuple(message.warnings),
        matched_rule=message.matched_rule,
        votes=tuple(decisions.Vote(vote.profile, vote.weight, vote.target) for vote in message.votes),
        configuration_version=message.configuration_version,
    )


def _classification_of(message: classification_pb2.Classification) -> decisions.Classification:
    """What the router found out about a request."""
    return decisions.Classification(
        task=word_of(classification_pb2.Task, message.task),
        complexity=word_of(classification_pb2.Complexity, message.complexity),
        sensitivity=word_of(classification_pb2.Sensitivity, message.sensitivity),
        input_tokens=message.input_tokens,
        expected_output_tokens=message.expected_output_tokens,
        needed_capabilities=tuple(message.needed_capabilities),
        detected_sensitive_kinds=tuple(message.detected_sensitive_kinds),
        domain=message.domain,
        given_by_caller=tuple(message.given_by_caller),
    )


def _candidate_of(message: decision_pb2.Candidate) -> decisions.Candidate:
    """A target that passed the filters."""
    return decisions.Candidate(
        target=message.target,
        score=message.score,
        scores=tuple(
            decisions.ScorerValue(value.scorer, value.value, value.weight, value.raw if value.HasField("raw") else None)
            for value in message.scores
        ),
        expected_cost_nanodollars=message.expected_cost_nanodollars,
        expected_latency=seconds_of(message, "expected_latency") or 0.0,
        expected_first_token=seconds_of(message, "expected_first_token") or 0.0,
        simulated=message.simulated,
    )


def embeddings_of(message: router_pb2.EmbedResponse, inputs: int) -> answers.Embeddings:
    """Vectors.

    Raises:
        ProtocolError: they are not one for each of so many inputs.
    """
    if len(message.embeddings) != inputs:
        raise ProtocolError(f"the vectors do not match the texts: {len(message.embeddings)} for {inputs}")
    return answers.Embeddings(
        vectors=tuple(tuple(embedding.values) for embedding in message.embeddings),
        target=message.target,
        usage=usage_of(message.usage),
        cost_nanodollars=message.cost_nanodollars,
        attempts=tuple(attempt_of(attempt) for attempt in message.attempts),
        trace_id=message.trace_id,
        simulated=message.simulated,
    )


def token_counts_of(message: router_pb2.CountTokensResponse) -> tuple[answers.TokenCount, ...]:
    """Estimates of a prompt's tokens."""
    return tuple(
        answers.TokenCount(count.target, count.family, count.input_tokens, count.observations)
        for count in message.counts
    )
