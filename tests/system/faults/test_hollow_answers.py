"""Answers with status 200 that are none: a failure, or an estimate marked as such; never an empty success."""

import pytest

from provider_workers.simulated import Fault
from tests.support.configurations import SECOND
from tests.support.fault_lab import FROM_SECOND, Lab


@pytest.mark.parametrize("fault", ["html_200", "empty_body", "empty_choices", "other_shape", "wrong_wire"])
async def test_what_is_no_answer_is_a_failure(lab: Lab, mode: str, fault: str) -> None:
    """The next target answers, and the log names what the first one sent as broken."""
    lab.strike(Fault(fault))
    result = await lab.call(mode)
    assert (result.answered_by, result.text) == (SECOND.name, FROM_SECOND)
    assert result.targets == [lab.first.name, SECOND.name]
    assert result.classes[0] in {"STREAM_BROKEN", "UNAVAILABLE"}
    assert result.attempts[0].failure_message


async def test_an_answer_without_usage_is_estimated(lab: Lab, mode: str) -> None:
    """The text is whole; the tokens are an estimate that says so, not zero."""
    lab.strike(Fault("no_usage"), answer_text="A dozen words or so that the provider forgot to count for us.")
    result = await lab.call(mode)
    assert result.completed is not None
    assert result.answered_by == lab.first.name
    assert result.text.startswith("A dozen")
    usage = result.completed.usage
    assert usage.input_tokens > 0
    assert usage.output_tokens > 0
    assert usage.estimated or lab.first.kind == "litellm"  # litellm estimates by itself and does not say so
