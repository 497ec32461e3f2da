"""What a worker says of an attempt can always be sent, whatever its provider said."""

import pytest

from provider_workers.backends.base import Finish, Pulling, Reasoning, Responded, Text, TokenUsage, ToolDelta
from provider_workers.link.frames import attempt_frame
from provider_workers.orders import Answered, Failed, Report
from service_common.durations import seconds
from service_common.failures import FailureClass
from service_common.link import MOST_TOKENS
from service_common.vocabulary import FinishReason
from trunkline.worker.v1.worker_service_pb2 import AttachRequest

BEYOND_ANY_INTEGER = TokenUsage(10**23, -(10**23), 2**63, 5)


@pytest.mark.parametrize(
    ("report", "event"),
    [
        (BEYOND_ANY_INTEGER, "usage"),
        (Answered(Finish(FinishReason.STOP, "m\ud800", "id\udfff"), BEYOND_ANY_INTEGER, None, 0.1), "finished"),
        (Failed(FailureClass.UNAVAILABLE, "half a character: \ud83d", usage=BEYOND_ANY_INTEGER), "failed"),
    ],
)
def test_every_report_can_be_sent(report: Report, event: str) -> None:
    """A report that could not be sent would leave its caller waiting until the deadline."""
    sent = attempt_frame(1, report).frames[0].attempt_event
    assert sent.WhichOneof("event") == event
    usage = sent.usage if event == "usage" else getattr(sent, event).usage
    assert (usage.input_tokens, usage.output_tokens, usage.cached_input_tokens) == (MOST_TOKENS, 0, MOST_TOKENS)
    assert usage.reasoning_tokens == 5


@pytest.mark.parametrize(
    ("report", "event"),
    [
        (Responded(0), "provider_responded"),
        (Text(""), "text_delta"),
        (Reasoning(""), "reasoning_delta"),
        (ToolDelta(0), "tool_call_delta"),
        (TokenUsage(), "usage"),
        (Pulling(""), "pull_progress"),
        (Answered(Finish(FinishReason.STOP), None, None, 0.0), "finished"),
    ],
)
def test_a_report_of_nothing_but_zeros_says_what_it_is(report: Report, event: str) -> None:
    """The event's kind is told even where none of its fields differs from what it is by default."""
    sent = attempt_frame(7, report).SerializeToString()
    [frame] = AttachRequest.FromString(sent).frames
    assert frame.attempt_event.WhichOneof("event") == event


@pytest.mark.parametrize("first_token", [None, 0.0, 1.25])
def test_the_time_of_the_first_token_is_told_where_there_was_one(first_token: float | None) -> None:
    """No first token is another thing than one that came at once."""
    [frame] = attempt_frame(1, Answered(Finish(FinishReason.STOP), None, first_token, 2.5)).frames
    told = frame.attempt_event.finished
    assert seconds(told.duration) == 2.5
    assert (seconds(told.first_token) if told.HasField("first_token") else None) == first_token
