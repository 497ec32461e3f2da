"""What a worker says of an attempt can always be sent, whatever its provider said."""

import pytest

from provider_workers.backends.base import Finish, TokenUsage
from provider_workers.link.frames import MOST_TOKENS, attempt_frame
from provider_workers.orders import Answered, Failed, Report
from service_common.failures import FailureClass
from service_common.vocabulary import FinishReason

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
    sent = attempt_frame(1, report).attempt_event
    assert sent.WhichOneof("event") == event
    usage = sent.usage if event == "usage" else getattr(sent, event).usage
    assert (usage.input_tokens, usage.output_tokens, usage.cached_input_tokens) == (MOST_TOKENS, 0, MOST_TOKENS)
    assert usage.reasoning_tokens == 5
