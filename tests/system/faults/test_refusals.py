"""Requests that a provider refuses: its key, the caller's prompt, or what it cannot do."""

import asyncio
from dataclasses import replace

import grpc
import pytest

from provider_workers.simulated import Fault
from tests.support.caller import ask, routed
from tests.support.configurations import SECOND, THIRD, Target
from tests.support.fault_lab import FROM_SECOND, FROM_THIRD, STREAM, Lab
from tests.system.faults.conftest import Open
from trunkline.types.v1 import chat_pb2 as chat
from trunkline.types.v1.target_pb2 import TARGET_STATE_OUT, TARGET_STATE_READY


async def test_too_long_a_prompt_goes_where_there_is_more_room(open_lab: Open, first: Target, mode: str) -> None:
    """Never to the same model again, not to one with as small a window, but to a larger one."""
    roomy = replace(THIRD, model_section={"context_window": 1_000_000})
    async with open_lab(first, SECOND, roomy, attempts={"retries_per_target": 3}) as lab:
        lab.strike(Fault("context_exceeded"))
        result = await lab.call(mode)
        assert (result.answered_by, result.text) == (THIRD.name, FROM_THIRD)
        assert result.classes == ["CONTEXT_EXCEEDED", ""]
        assert lab.received(SECOND) == []


async def test_too_long_a_prompt_for_all_is_the_callers_error(lab: Lab, mode: str) -> None:
    """Where no window is larger the caller is told, in the provider's words, after one attempt."""
    lab.strike(Fault("context_exceeded"))
    result = await lab.call(mode)
    assert result.failed.code is grpc.StatusCode.INVALID_ARGUMENT
    assert result.failed.reason == "CONTEXT_EXCEEDED"
    assert result.targets == [lab.first.name]


async def test_filtered_content_is_final(lab: Lab, mode: str) -> None:
    """What a provider refuses on principle is named and taken to no other."""
    if lab.first.kind == "ollama":
        pytest.skip("Ollama has no content filter")
    lab.strike(Fault("content_filter"))
    result = await lab.call(mode)
    assert result.failed.code is grpc.StatusCode.FAILED_PRECONDITION
    assert result.failed.reason == "CONTENT_FILTERED"
    assert result.targets == [lab.first.name]


async def test_an_answer_that_was_filtered_in_the_middle_says_so(lab: Lab, mode: str) -> None:
    """Its finish reason is the filter, and no other provider is tried."""
    if lab.first.kind == "ollama":
        pytest.skip("Ollama has no content filter")
    lab.strike(Fault("content_filter_mid_stream", after_tokens=5))
    result = await lab.call(mode)
    assert result.completed is not None
    assert result.completed.finish_reason == chat.FINISH_REASON_CONTENT_FILTER
    assert result.text
    assert result.targets == [lab.first.name]


async def test_a_parameter_that_a_target_does_not_take(lab: Lab, mode: str) -> None:
    """Another target gets it as it was asked; the refusal stays visible in the attempt log."""
    lab.strike(Fault("unsupported_parameter"))
    result = await lab.call(mode, ask(parameters=chat.GenerationParameters(temperature=0.5)))
    assert (result.answered_by, result.text) == (SECOND.name, FROM_SECOND)
    assert result.classes == ["UNSUPPORTED", ""]
    assert result.attempts[0].failure_message
    assert (await lab.caller.row(lab.first.name)).state == TARGET_STATE_READY


async def test_a_refused_prefill_is_not_the_callers_error(open_lab: Open, first: Target) -> None:
    """A target that was to continue an answer and refuses is passed over: the next that can continues."""
    continuing = [replace(target, model_section={"abilities": ["prefill"]}) for target in (SECOND, THIRD)]
    async with open_lab(first, *continuing) as lab:
        lab.strike(Fault("cut", after_tokens=5), tokens_per_second=200, answer_text="one two three four five six seven")
        lab.simulated.set_behaviour(SECOND.backend, lab.behaviour(Fault("prefill_refused")))
        lab.simulated.set_behaviour(THIRD.backend, lab.behaviour(answer_text=" and eight."))
        result = await lab.call(STREAM, routed(stream_recovery=chat.STREAM_RECOVERY_CONTINUE))
        assert result.answered_by == THIRD.name
        assert result.text.startswith("one two")
        assert result.text.endswith("and eight.")
        assert result.classes == ["STREAM_BROKEN", "UNSUPPORTED", ""]


@pytest.mark.parametrize("fault", ["401", "403", "402", "quota_exhausted"])
async def test_a_refused_key_takes_the_target_out(lab: Lab, mode: str, fault: str) -> None:
    """The first caller is answered by another target, the later ones never meet it, and the table says why."""
    lab.strike(Fault(fault))
    result = await lab.call(mode)
    assert result.answered_by == SECOND.name
    if fault == "quota_exhausted" and lab.first.kind == "ollama":
        assert result.classes[0] == "RATE_LIMITED"  # Ollama's cloud says it as a limit of the hour
        return
    assert result.classes[0] in {"AUTH", "QUOTA_EXHAUSTED"}
    row = await lab.caller.row(lab.first.name)
    assert row.state == TARGET_STATE_OUT
    assert row.state_reason
    lab.recover()
    for other in await asyncio.gather(*(lab.call(mode) for _ in range(5))):
        assert other.targets == [SECOND.name]
    assert len(lab.received(lab.first)) == 1


async def test_a_poisoned_request_opens_no_circuit(lab: Lab, mode: str) -> None:
    """Twenty requests that every target refuses leave all of them ready: the caller's errors don't count."""
    for target in (lab.first, SECOND, THIRD):
        lab.simulated.set_behaviour(target.backend, lab.behaviour(Fault("400")))
    for _ in range(20):
        result = await lab.call(mode)
        assert result.failed.code is grpc.StatusCode.INVALID_ARGUMENT
        assert result.targets == [lab.first.name]
    for target in (lab.first, SECOND, THIRD):
        lab.simulated.reset_behaviour(target.backend)
        assert (await lab.caller.row(target.name)).state == TARGET_STATE_READY
    assert (await lab.call(mode)).answered_by == lab.first.name
