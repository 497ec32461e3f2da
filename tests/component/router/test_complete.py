"""`Complete`: one whole answer, whatever the providers do."""

import grpc
import pytest
from google.rpc.error_details_pb2 import QuotaFailure, RetryInfo

from provider_workers.link.outbox import Outbox
from provider_workers.simulated import Behaviour, Fault, SimulatedProviders
from tests.component.router.conftest import Start, sent
from tests.support.caller import Caller, ask, failure_of, routed
from tests.support.configurations import FIRST, LOCAL, SECOND, THIRD, Target
from trunkline.types.v1 import attempt_pb2 as attempts
from trunkline.types.v1 import chat_pb2 as chat
from trunkline.worker.v1.worker_service_pb2 import AttachRequest

SLOW = Behaviour(answer_tokens=60, tokens_per_second=200.0)
"""60 tokens within 0.3 s."""

WEATHER = chat.Tool(
    name="get_weather", description="The weather", parameters_json_schema='{"type":"object","properties":{}}'
)


async def test_an_answer_is_whole_and_accounted_for(caller: Caller, simulated: SimulatedProviders) -> None:
    """Text, finish reason, usage with cached tokens, cost to the nano-dollar, the attempt, and who answered."""
    simulated.set_behaviour("openai", Behaviour(answer_text="Arches carry loads.", cached_tokens=4))
    answer = await caller.complete(ask())
    done = answer.completed
    assert answer.text == "Arches carry loads."
    assert done.finish_reason == chat.FINISH_REASON_STOP
    assert (done.target, done.provider_model, done.is_fallback, done.simulated) == (
        FIRST.name,
        FIRST.model,
        False,
        True,
    )
    assert done.provider_request_id
    assert done.usage.cached_input_tokens == 4
    assert not done.usage.estimated
    assert done.cost_nanodollars == done.usage.input_tokens * 1_000 + done.usage.output_tokens * 2_000
    assert done.decision_id == answer.decision.decision_id
    [only] = done.attempts
    assert (only.number, only.target, only.kind) == (1, FIRST.name, attempts.ATTEMPT_KIND_FIRST)
    assert only.outcome == attempts.ATTEMPT_OUTCOME_SUCCEEDED
    assert only.failure_class == attempts.FAILURE_CLASS_UNSPECIFIED
    assert only.worker_id == "openai-1"
    assert only.latency.ToTimedelta() >= only.first_token.ToTimedelta()
    assert done.latency.ToTimedelta() >= only.latency.ToTimedelta()


async def test_pieces_that_nobody_awaits_come_together(
    caller: Caller, simulated: SimulatedProviders, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stream's tokens leave the worker one by one; those of an answer that is taken whole ten times a second."""
    frames: list[AttachRequest] = []
    queue = Outbox.data

    def noted(outbox: Outbox, frame: AttachRequest) -> None:
        frames.append(frame)
        queue(outbox, frame)

    def texts() -> list[str]:
        found = [frame.frames[0].attempt_event.text_delta for frame in frames]
        frames.clear()
        return [text for text in found if text]

    monkeypatch.setattr(Outbox, "data", noted)
    simulated.set_behaviour("openai", SLOW)
    streamed = await caller.stream(ask())
    one_by_one = texts()
    whole = await caller.complete(ask())
    together = texts()
    assert "".join(one_by_one) == streamed.text
    assert "".join(together) == whole.text
    assert len(together) < 10 < 20 < len(one_by_one)


@pytest.mark.parametrize("target", [FIRST, LOCAL])
async def test_tools_are_called(start: Start, target: Target) -> None:
    """A call comes with identifier, name and JSON arguments, over either wire."""
    async with start(target) as (_, caller):
        answer = await caller.complete(ask("Use get_weather for Berlin.", tools=[WEATHER]))
        assert answer.completed.finish_reason == chat.FINISH_REASON_TOOL_CALLS
        [call] = answer.tool_calls
        assert call.name == "get_weather"
        assert call.id
        assert call.arguments_json.startswith("{")


async def test_reasoning_is_apart_from_the_answer(caller: Caller, simulated: SimulatedProviders) -> None:
    """What the model thought does not mix with what it says, and its tokens are told."""
    simulated.set_behaviour("openai", Behaviour(answer_text="Yes.", reasoning_tokens=7))
    answer = await caller.complete(ask())
    assert answer.text == "Yes."
    assert answer.reasoning
    assert answer.completed.usage.reasoning_tokens == 7


BROKEN = {
    "cut": (Fault("cut", after_tokens=5), attempts.FAILURE_CLASS_STREAM_BROKEN),
    "cut in a chunk": (Fault("cut_chunked", after_tokens=5), attempts.FAILURE_CLASS_STREAM_BROKEN),
    "reset in the answer": (Fault("reset", after_tokens=5), attempts.FAILURE_CLASS_STREAM_BROKEN),
    "reset at once": (Fault("reset"), attempts.FAILURE_CLASS_UNAVAILABLE),
    "no finish reason": (Fault("no_finish_reason"), attempts.FAILURE_CLASS_STREAM_BROKEN),
    "malformed chunk": (Fault("malformed_chunk", after_tokens=5), attempts.FAILURE_CLASS_STREAM_BROKEN),
    "error in the stream": (Fault("error_in_stream", after_tokens=5), None),
    "an empty body": (Fault("empty_body"), attempts.FAILURE_CLASS_STREAM_BROKEN),
    "a page of HTML": (Fault("html_200"), attempts.FAILURE_CLASS_STREAM_BROKEN),
    "another shape": (Fault("other_shape"), attempts.FAILURE_CLASS_STREAM_BROKEN),
    "500": (Fault("500"), attempts.FAILURE_CLASS_UNAVAILABLE),
    "503": (Fault("503"), None),
    "529": (Fault("529"), attempts.FAILURE_CLASS_OVERLOADED),
    "429": (Fault("429", retry_after=30), attempts.FAILURE_CLASS_RATE_LIMITED),
    "401": (Fault("401"), attempts.FAILURE_CLASS_AUTH),
    "quota": (Fault("quota_exhausted"), None),
    "silent before the headers": (Fault("silent_before_headers"), attempts.FAILURE_CLASS_TIMEOUT_FIRST_TOKEN),
    "silent before the first token": (Fault("silent_before_first_token"), attempts.FAILURE_CLASS_TIMEOUT_FIRST_TOKEN),
    "stalled": (Fault("stall", after_tokens=5), attempts.FAILURE_CLASS_TIMEOUT_IDLE),
    "refused connection": (Fault("refuse_connection"), attempts.FAILURE_CLASS_UNAVAILABLE),
}
IMPATIENT = {"first_token_timeout": "300ms", "idle_timeout": "300ms"}


@pytest.mark.parametrize("backend", ["openai", "ollama"])
@pytest.mark.parametrize("row", BROKEN.values(), ids=BROKEN.keys())
async def test_a_failed_provider_is_replaced_at_any_point(
    start: Start, simulated: SimulatedProviders, row: tuple[Fault, int | None], backend: str
) -> None:
    """The caller gets the next target's whole answer and nothing of the failed one; the log names the failure."""
    fault, failure_class = row
    first = FIRST if backend == "openai" else LOCAL
    async with start(first, SECOND, attempts=IMPATIENT) as (router, caller):
        simulated.set_behaviour(backend, Behaviour(faults=(fault,)))
        simulated.set_behaviour("groq", Behaviour(answer_text="From the second."))
        answer = await caller.complete(ask())
        assert answer.text == "From the second."
        assert answer.completed.target == SECOND.name
        assert answer.completed.is_fallback
        failed, won = answer.completed.attempts
        assert (failed.target, failed.outcome) == (first.name, attempts.ATTEMPT_OUTCOME_FAILED)
        assert failed.failure_message
        if failure_class is not None:
            assert failed.failure_class == failure_class, failed.failure_message
        assert (won.kind, won.outcome) == (attempts.ATTEMPT_KIND_FALLBACK, attempts.ATTEMPT_OUTCOME_SUCCEEDED)
        assert (failed.number, won.number) == (1, 2)
        assert router.in_flight == 0


async def test_an_answer_without_the_end_mark_is_whole(caller: Caller, simulated: SimulatedProviders) -> None:
    """A finish reason and a properly ended body suffice, even where the body then stays open."""
    for keep_open in (False, True):
        simulated.set_behaviour("openai", Behaviour(faults=(Fault("no_done", keep_open=keep_open),)))
        answer = await caller.complete(ask(), timeout=5)
        assert (answer.completed.target, len(answer.completed.attempts)) == (FIRST.name, 1)


async def test_a_retry_stays_on_its_target(start: Start, simulated: SimulatedProviders) -> None:
    """Where the profile allows one, an overloaded provider is asked once more before another."""
    async with start(attempts={"retries_per_target": 1}) as (_, caller):
        simulated.enqueue("openai", Behaviour(faults=(Fault("503"),)))
        done = (await caller.complete(ask())).completed
        assert (done.target, done.is_fallback) == (FIRST.name, False)
        assert [attempt.kind for attempt in done.attempts] == [attempts.ATTEMPT_KIND_FIRST, attempts.ATTEMPT_KIND_RETRY]


async def test_a_provider_that_asks_for_peace_gets_it(caller: Caller, simulated: SimulatedProviders) -> None:
    """After a 429 with Retry-After the next call does not touch the target, and its reason says until when."""
    simulated.enqueue("openai", Behaviour(faults=(Fault("429", retry_after=30),)))
    first = (await caller.complete(ask())).completed
    assert 29 <= first.attempts[0].retry_after.seconds <= 30
    assert first.attempts[0].http_status == 429
    answer = await caller.complete(ask())
    assert [attempt.target for attempt in answer.completed.attempts] == [SECOND.name]
    assert FIRST.name in [rejection.target for rejection in answer.decision.rejections]
    assert len(sent(simulated, "openai")) == 1


async def test_the_final_error_names_each_attempt(caller: Caller, simulated: SimulatedProviders) -> None:
    """Target, class, what the provider said, its status and how long each took; when to come back; no secret."""
    simulated.set_behaviour("openai", Behaviour(faults=(Fault("500", message="first broke"),)))
    simulated.set_behaviour("groq", Behaviour(faults=(Fault("503", message="second broke"),)))
    simulated.set_behaviour("mistral", Behaviour(faults=(Fault("429", message="third is full", retry_after=60),)))
    failure = await failure_of(caller.complete(ask()))
    assert (failure.code, failure.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "RATE_LIMITED")
    error = failure.error
    assert [attempt.target for attempt in error.attempts] == [FIRST.name, SECOND.name, THIRD.name]
    assert [attempt.http_status for attempt in error.attempts] == [500, 503, 429]
    assert [attempt.number for attempt in error.attempts] == [1, 2, 3]
    for attempt, words in zip(error.attempts, ("first broke", "second broke", "third is full"), strict=True):
        assert words in attempt.failure_message
        assert words in failure.message
        assert attempt.target in failure.message
        assert attempt.latency.ToTimedelta().total_seconds() > 0
    assert error.decision_id
    assert 59 <= failure.detail(RetryInfo).retry_delay.seconds <= 60
    assert error.retry_after == failure.detail(RetryInfo).retry_delay


FINAL = {
    "the caller's fault": (Fault("400"), grpc.StatusCode.INVALID_ARGUMENT, "INVALID_REQUEST"),
    "filtered": (Fault("content_filter"), grpc.StatusCode.FAILED_PRECONDITION, "CONTENT_FILTERED"),
}


@pytest.mark.parametrize("row", FINAL.values(), ids=FINAL.keys())
async def test_a_final_failure_is_not_routed_around(
    caller: Caller, simulated: SimulatedProviders, row: tuple[Fault, grpc.StatusCode, str]
) -> None:
    """What the provider refuses on principle is not sent to another."""
    fault, code, reason = row
    simulated.set_behaviour("openai", Behaviour(faults=(fault,)))
    failure = await failure_of(caller.complete(ask()))
    assert (failure.code, failure.reason) == (code, reason)
    assert [attempt.target for attempt in failure.error.attempts] == [FIRST.name]
    assert sent(simulated, "groq") == []


async def test_too_long_a_prompt_only_goes_where_there_is_more_room(
    start: Start, simulated: SimulatedProviders
) -> None:
    """A target with no larger window is left out, one with a larger window answers."""
    roomy = Target(THIRD.backend, THIRD.model, model_section={"context_window": 1_000_000})
    async with start(FIRST, SECOND, roomy) as (_, caller):
        simulated.set_behaviour("openai", Behaviour(faults=(Fault("context_exceeded"),)))
        done = (await caller.complete(ask())).completed
        assert [attempt.target for attempt in done.attempts] == [FIRST.name, roomy.name]
        assert done.attempts[0].failure_class == attempts.FAILURE_CLASS_CONTEXT_EXCEEDED


async def test_no_capacity_is_told_with_a_quota_failure(start: Start, simulated: SimulatedProviders) -> None:
    """A full worker is no failure of a provider: RESOURCE_EXHAUSTED, when to come back, no attempt."""
    tiny = Target(FIRST.backend, FIRST.model, section={"capacity": 1})
    simulated.set_behaviour("openai", Behaviour(first_token_latency=2.0))
    async with start(tiny, waiting={"length": 0}) as (_, caller):
        first = caller.open(ask())
        await anext(aiter(first))
        await simulated.wait_for_request("openai", lambda request: request.prompt_sha256 is not None)
        failure = await failure_of(caller.complete(ask()))
        assert (failure.code, failure.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "EXHAUSTED")
        assert failure.detail(QuotaFailure).violations
        assert failure.detail(RetryInfo).retry_delay.ToTimedelta().total_seconds() > 0
        assert not failure.error.attempts
        first.cancel()


async def test_a_call_for_one_target_does_not_leave_it(caller: Caller, simulated: SimulatedProviders) -> None:
    """Whoever names a target gets it or an error, nothing else."""
    simulated.set_behaviour("groq", Behaviour(faults=(Fault("500"),)))
    failure = await failure_of(caller.complete(routed(model=SECOND.name)))
    assert (failure.code, failure.reason) == (grpc.StatusCode.UNAVAILABLE, "UNAVAILABLE")
    assert sent(simulated, "openai") == []
