"""Call events on the wire: one by one for a stream, collected for a unary answer."""

from dataclasses import dataclass, field

from router_service.domain import events
from router_service.server.decisions import attempt_message, decision_message, usage_message
from router_service.server.wire import duration
from trunkline.router.v1 import router_service_pb2 as router_pb
from trunkline.types.v1 import chat_pb2 as chat_pb


def event_message(event: events.CallEvent) -> router_pb.StreamCompleteResponse:
    """One event of the stream."""
    match event:
        case events.TextDelta(text):
            return router_pb.StreamCompleteResponse(text_delta=text)
        case events.ReasoningDelta(text):
            return router_pb.StreamCompleteResponse(reasoning_delta=text)
        case events.ToolCallDelta():
            delta = chat_pb.ToolCallDelta(
                index=event.index, id=event.id, name=event.name, arguments_json=event.arguments_json
            )
            return router_pb.StreamCompleteResponse(tool_call_delta=delta)
        case events.UsageReported(usage):
            return router_pb.StreamCompleteResponse(usage=usage_message(usage))
        case events.DecisionMade(decision, trace_id):
            return router_pb.StreamCompleteResponse(decision=decision_message(decision, trace_id))
        case events.AttemptStarted():
            started = router_pb.AttemptStarted(
                number=event.number,
                target=event.target,
                kind=event.kind.value,  # type: ignore[arg-type]
                simulated=event.simulated,
            )
            return router_pb.StreamCompleteResponse(attempt_started=started)
        case events.AttemptFailed(record):
            return router_pb.StreamCompleteResponse(attempt_failed=attempt_message(record))
        case events.StreamReset():
            return router_pb.StreamCompleteResponse(stream_reset=_reset(event))
        case events.Completed():
            return router_pb.StreamCompleteResponse(completed=completed_message(event))


def completed_message(event: events.Completed) -> router_pb.Completed:
    """How a call went."""
    return router_pb.Completed(
        finish_reason=event.finish_reason.value,  # type: ignore[arg-type]
        usage=usage_message(event.usage),
        cost_nanodollars=event.cost,
        target=event.target,
        attempts=[attempt_message(record) for record in event.attempts],
        decision_id=event.decision_id,
        trace_id=event.trace_id,
        is_fallback=event.is_fallback,
        simulated=event.simulated,
        provider_model=event.provider_model,
        provider_request_id=event.provider_request_id,
        latency=duration(event.latency),
    )


def embedding_response(event: events.Completed) -> router_pb.EmbedResponse:
    """The worker's vectors with how the call went."""
    response = router_pb.EmbedResponse.FromString(event.body)
    response.ClearField("attempts")
    response.target = event.target
    response.usage.CopyFrom(usage_message(event.usage))
    response.cost_nanodollars = event.cost
    response.attempts.extend(attempt_message(record) for record in event.attempts)
    response.trace_id = event.trace_id
    response.simulated = event.simulated
    return response


def _reset(event: events.StreamReset) -> router_pb.StreamReset:
    mode = router_pb.STREAM_RESET_MODE_RESTART if event.restart else router_pb.STREAM_RESET_MODE_CONTINUE
    return router_pb.StreamReset(mode=mode, failed_target=event.failed_target, valid_characters=event.valid_characters)


@dataclass(slots=True)
class Collector:
    """Collects a stream into one answer; a reset that restarts discards what came before it."""

    _text: list[str] = field(default_factory=list)
    _reasoning: list[str] = field(default_factory=list)
    _calls: dict[int, list[events.ToolCallDelta]] = field(default_factory=dict)
    _decision: events.DecisionMade | None = None
    _completed: events.Completed | None = None

    def add(self, event: events.CallEvent) -> None:
        """Take one event."""
        match event:
            case events.TextDelta(text):
                self._text.append(text)
            case events.ReasoningDelta(text):
                self._reasoning.append(text)
            case events.ToolCallDelta():
                self._calls.setdefault(event.index, []).append(event)
            case events.StreamReset(restart=True):
                self._text.clear()
                self._reasoning.clear()
                self._calls.clear()
            case events.DecisionMade():
                self._decision = event
            case events.Completed():
                self._completed = event
            case _:
                pass  # attempts are in the final event, usage is final there too

    def answer(self) -> router_pb.CompleteResponse:
        """The whole answer; only after `Completed` was taken."""
        assert self._decision is not None
        assert self._completed is not None
        return router_pb.CompleteResponse(
            text="".join(self._text),
            reasoning="".join(self._reasoning),
            tool_calls=[_tool_call(self._calls[index]) for index in sorted(self._calls)],
            completed=completed_message(self._completed),
            decision=decision_message(self._decision.decision, self._decision.trace_id),
        )


def _tool_call(pieces: list[events.ToolCallDelta]) -> chat_pb.ToolCall:
    return chat_pb.ToolCall(
        id=next((piece.id for piece in pieces if piece.id), ""),
        name=next((piece.name for piece in pieces if piece.name), ""),
        arguments_json="".join(piece.arguments_json for piece in pieces),
    )
