"""Call events on the wire: one by one for a stream, collected for a unary answer."""

from dataclasses import dataclass, field

from router_service.domain import events
from router_service.server.decisions import fill_attempt, fill_decision, fill_usage
from service_common.durations import fill_duration
from trunkline.router.v1 import router_service_pb2 as router_pb
from trunkline.types.v1 import chat_pb2 as chat_pb


def event_message(event: events.CallEvent) -> router_pb.StreamCompleteResponse:
    """One event of the stream."""
    message = router_pb.StreamCompleteResponse()
    match event:
        case events.TextDelta(text):
            message.text_delta = text
        case events.ReasoningDelta(text):
            message.reasoning_delta = text
        case events.ToolCallDelta():
            _fill_tool_call(message.tool_call_delta, event)
        case events.UsageReported(usage):
            fill_usage(message.usage, usage)
        case events.DecisionMade(decision, trace_id):
            fill_decision(message.decision, decision, trace_id)
        case events.AttemptStarted():
            _fill_started(message.attempt_started, event)
        case events.AttemptFailed(record):
            fill_attempt(message.attempt_failed, record)
        case events.StreamReset():
            _fill_reset(message.stream_reset, event)
        case events.Completed():
            _fill_completed(message.completed, event)
    return message


def embedding_response(event: events.Completed) -> router_pb.EmbedResponse:
    """The worker's vectors with how the call went."""
    response = router_pb.EmbedResponse.FromString(event.body)
    response.ClearField("attempts")
    response.target = event.target
    fill_usage(response.usage, event.usage)
    response.cost_nanodollars = event.cost
    for record in event.attempts:
        fill_attempt(response.attempts.add(), record)
    response.trace_id = event.trace_id
    response.simulated = event.simulated
    return response


def _fill_completed(message: router_pb.Completed, event: events.Completed) -> None:
    """How a call went."""
    message.finish_reason = event.finish_reason  # type: ignore[assignment]  # the numbers are the same
    fill_usage(message.usage, event.usage)
    message.cost_nanodollars = event.cost
    message.target = event.target
    for record in event.attempts:
        fill_attempt(message.attempts.add(), record)
    message.decision_id = event.decision_id
    message.trace_id = event.trace_id
    message.is_fallback = event.is_fallback
    message.simulated = event.simulated
    message.provider_model = event.provider_model
    message.provider_request_id = event.provider_request_id
    fill_duration(message.latency, event.latency)


def _fill_started(message: router_pb.AttemptStarted, event: events.AttemptStarted) -> None:
    message.number = event.number
    message.target = event.target
    message.kind = event.kind  # type: ignore[assignment]  # the numbers are the same
    message.simulated = event.simulated


def _fill_tool_call(message: chat_pb.ToolCallDelta, delta: events.ToolCallDelta) -> None:
    message.index = delta.index
    message.id = delta.id
    message.name = delta.name
    message.arguments_json = delta.arguments_json


def _fill_reset(message: router_pb.StreamReset, event: events.StreamReset) -> None:
    message.mode = router_pb.STREAM_RESET_MODE_RESTART if event.restart else router_pb.STREAM_RESET_MODE_CONTINUE
    message.failed_target = event.failed_target
    message.valid_characters = event.valid_characters


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
        response = router_pb.CompleteResponse(text="".join(self._text), reasoning="".join(self._reasoning))
        for index in sorted(self._calls):
            pieces = self._calls[index]
            response.tool_calls.add(
                id=next((piece.id for piece in pieces if piece.id), ""),
                name=next((piece.name for piece in pieces if piece.name), ""),
                arguments_json="".join(piece.arguments_json for piece in pieces),
            )
        _fill_completed(response.completed, self._completed)
        fill_decision(response.decision, self._decision.decision, self._decision.trace_id)
        return response
