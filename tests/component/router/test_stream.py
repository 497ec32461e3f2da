"""`StreamComplete`: the order of events, and what a caller sees when a provider fails in the middle."""

from itertools import pairwise

import grpc
import pytest

from provider_workers.simulated import Behaviour, Fault, SimulatedProviders
from tests.component.router.conftest import Start, sent
from tests.support.caller import Caller, ask, routed
from tests.support.configurations import FIRST, SECOND, THIRD, Target
from trunkline.router.v1 import router_service_pb2 as pb
from trunkline.types.v1 import attempt_pb2 as attempts
from trunkline.types.v1 import chat_pb2 as chat

CUT = Behaviour(answer_text="one two three four five six seven eight", faults=(Fault("cut", after_tokens=4),))


def continuing(target: Target) -> Target:
    """The target, able to continue an answer that another began."""
    return Target(target.backend, target.model, model_section={"abilities": ["prefill"]})


async def test_events_come_in_their_order(caller: Caller, simulated: SimulatedProviders) -> None:
    """Decision, attempt, reasoning, text, usage, completed: and the text is that of the provider."""
    simulated.set_behaviour("openai", Behaviour(answer_text="Arches carry loads.", reasoning_tokens=3))
    told = await caller.stream(ask())
    assert told.kinds == ["decision", "attempt_started", "reasoning_delta", "text_delta", "usage", "completed"]
    assert told.text == "Arches carry loads."
    [started] = told.all("attempt_started")
    assert (started.number, started.target, started.kind) == (1, FIRST.name, attempts.ATTEMPT_KIND_FIRST)
    assert started.simulated
    [decision] = told.all("decision")
    assert decision.decision_id == told.completed.decision_id
    assert told.all("usage") == [told.completed.usage]
    assert told.completed.finish_reason == chat.FINISH_REASON_STOP


async def test_deltas_come_as_the_provider_sends_them(caller: Caller, simulated: SimulatedProviders) -> None:
    """At 50 tokens a second the text trickles in: the first piece long before the last, none held back."""
    simulated.set_behaviour("openai", Behaviour(answer_tokens=25, tokens_per_second=50))
    told = await caller.stream(ask())
    arrived = [at for event, at in zip(told.events, told.times, strict=True) if event.text_delta]
    assert len(arrived) >= 20
    assert arrived[-1] - arrived[0] > 0.3
    assert max(later - earlier for earlier, later in pairwise(arrived)) < 0.2


async def test_a_tool_call_streams_in_pieces(caller: Caller, simulated: SimulatedProviders) -> None:
    """Identifier and name come first, the joined arguments are JSON, two calls keep their indices apart."""
    simulated.set_behaviour("openai", Behaviour(tool_calls=2))
    schema = '{"type":"object","properties":{"city":{"type":"string"}},"required":["city"]}'
    told = await caller.stream(ask(tools=[chat.Tool(name="get_weather", parameters_json_schema=schema)]))
    pieces = told.all("tool_call_delta")
    assert {piece.index for piece in pieces} == {0, 1}
    for index in (0, 1):
        own = [piece for piece in pieces if piece.index == index]
        assert own[0].id
        assert own[0].name == "get_weather"
        assert "".join(piece.arguments_json for piece in own).startswith('{"city"')
    assert told.completed.finish_reason == chat.FINISH_REASON_TOOL_CALLS


@pytest.mark.parametrize("mode", [chat.STREAM_RECOVERY_UNSPECIFIED, chat.STREAM_RECOVERY_FAIL])
async def test_fail_ends_the_call_with_the_attempt_log(
    caller: Caller, simulated: SimulatedProviders, mode: chat.StreamRecovery
) -> None:
    """After text was shown nothing else is tried unless asked for; there is no completed, and the log says why."""
    simulated.set_behaviour("openai", CUT)
    failure = await caller.failed_stream(routed(stream_recovery=mode))
    assert failure.told.kinds == ["decision", "attempt_started", "text_delta", "attempt_failed"]
    assert failure.told.text.startswith("one two")
    assert (failure.code, failure.reason) == (grpc.StatusCode.UNAVAILABLE, "STREAM_BROKEN")
    [attempt] = failure.error.attempts
    assert attempt.failure_class == attempts.FAILURE_CLASS_STREAM_BROKEN
    assert attempt.usage.estimated
    assert attempt.usage.output_tokens > 0
    assert sent(simulated, "groq") == []


async def test_reset_begins_anew_on_the_next_target(caller: Caller, simulated: SimulatedProviders) -> None:
    """One reset that voids the text, then the whole answer of the next target."""
    simulated.set_behaviour("openai", CUT)
    simulated.set_behaviour("groq", Behaviour(answer_text="A whole new answer."))
    told = await caller.stream(routed(stream_recovery=chat.STREAM_RECOVERY_RESET))
    assert [kind for kind in told.kinds if kind != "usage"] == [
        *("decision", "attempt_started", "text_delta", "attempt_failed"),
        *("stream_reset", "attempt_started", "text_delta", "completed"),
    ]
    [reset] = told.all("stream_reset")
    assert (reset.mode, reset.failed_target, reset.valid_characters) == (
        pb.STREAM_RESET_MODE_RESTART,
        FIRST.name,
        0,
    )
    assert told.text == "A whole new answer."
    assert (told.completed.target, told.completed.is_fallback) == (SECOND.name, True)


async def test_nothing_shown_needs_no_reset(caller: Caller, simulated: SimulatedProviders) -> None:
    """A failure before the first piece is replaced in every mode, without a word to the reader."""
    simulated.set_behaviour("openai", Behaviour(faults=(Fault("500"),)))
    told = await caller.stream(ask())
    assert "stream_reset" not in told.kinds
    assert [failed.target for failed in told.all("attempt_failed")] == [FIRST.name]
    assert told.completed.target == SECOND.name


async def test_continue_goes_on_where_the_text_broke_off(start: Start, simulated: SimulatedProviders) -> None:
    """The next target that can continue gets the text so far; the seam is marked and nothing is lost."""
    simulated.set_behaviour("openai", CUT)
    simulated.set_behaviour("mistral", Behaviour(answer_text=" and nine ten."))
    async with start(FIRST, SECOND, continuing(THIRD)) as (_, caller):
        told = await caller.stream(routed(stream_recovery=chat.STREAM_RECOVERY_CONTINUE))
    [reset] = told.all("stream_reset")
    assert reset.mode == pb.STREAM_RESET_MODE_CONTINUE
    assert reset.valid_characters > 0
    assert told.text == "".join(told.all("text_delta"))
    assert told.text.startswith("one two")
    assert told.text.endswith("nine ten.")
    assert told.completed.target == THIRD.name
    assert sent(simulated, "groq") == []


async def test_continue_fails_where_nobody_can(caller: Caller, simulated: SimulatedProviders) -> None:
    """Targets that cannot continue are not asked to begin anew behind the reader's back."""
    simulated.set_behaviour("openai", CUT)
    failure = await caller.failed_stream(routed(stream_recovery=chat.STREAM_RECOVERY_CONTINUE))
    assert "stream_reset" not in failure.told.kinds
    assert failure.reason == "STREAM_BROKEN"
    assert sent(simulated, "groq") == []


async def test_continue_or_reset_begins_anew_where_nobody_can_continue(
    caller: Caller, simulated: SimulatedProviders
) -> None:
    """The answer is whole in the end, and the reader is told to discard what came before."""
    simulated.set_behaviour("openai", CUT)
    simulated.set_behaviour("groq", Behaviour(answer_text="A whole new answer."))
    told = await caller.stream(routed(stream_recovery=chat.STREAM_RECOVERY_CONTINUE_OR_RESET))
    assert [reset.mode for reset in told.all("stream_reset")] == [pb.STREAM_RESET_MODE_RESTART]
    assert told.text == "A whole new answer."


@pytest.mark.parametrize(
    ("recovery", "reset"), [(chat.STREAM_RECOVERY_CONTINUE, False), (chat.STREAM_RECOVERY_CONTINUE_OR_RESET, True)]
)
async def test_a_very_long_text_is_not_continued(
    start: Start, simulated: SimulatedProviders, recovery: chat.StreamRecovery, reset: bool
) -> None:
    """More than 60 KiB do not fit into a dispatch: nobody is asked to continue, and only a reset begins anew."""
    text = "word " * 20_000
    simulated.set_behaviour("openai", Behaviour(answer_text=text, faults=(Fault("cut", after_tokens=19_000),)))
    simulated.set_behaviour("mistral", Behaviour(answer_text="A whole new answer."))
    async with start(FIRST, continuing(THIRD)) as (_, caller):
        if reset:
            told = await caller.stream(routed(stream_recovery=recovery))
            assert [each.mode for each in told.all("stream_reset")] == [pb.STREAM_RESET_MODE_RESTART]
            assert told.text == "A whole new answer."
        else:
            failure = await caller.failed_stream(routed(stream_recovery=recovery))
            assert len(failure.told.text) > 60_000
            assert sent(simulated, "mistral") == []


async def test_a_target_that_refuses_to_continue_is_passed_over(start: Start, simulated: SimulatedProviders) -> None:
    """A refused prefill is no failure of the call: the next that can continue does."""
    simulated.set_behaviour("openai", CUT)
    simulated.set_behaviour("groq", Behaviour(faults=(Fault("prefill_refused"),)))
    simulated.set_behaviour("mistral", Behaviour(answer_text=" and nine."))
    async with start(FIRST, continuing(SECOND), continuing(THIRD)) as (_, caller):
        told = await caller.stream(routed(stream_recovery=chat.STREAM_RECOVERY_CONTINUE))
    assert told.completed.target == THIRD.name
    assert told.text.endswith("nine.")


async def test_every_attempt_of_a_failed_stream_is_told_twice(caller: Caller, simulated: SimulatedProviders) -> None:
    """As it happens, in the stream, and in the status at the end: the same records."""
    for backend in ("openai", "groq", "mistral"):
        simulated.set_behaviour(backend, Behaviour(faults=(Fault("500"),)))
    failure = await caller.failed_stream(ask())
    assert failure.code is grpc.StatusCode.UNAVAILABLE
    streamed = failure.told.all("attempt_failed")
    assert [attempt.target for attempt in streamed] == [FIRST.name, SECOND.name, THIRD.name]
    assert [attempt.failure_message for attempt in streamed] == [a.failure_message for a in failure.error.attempts]
