"""The OpenAI wire without I/O: requests, chunks, errors."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from provider_workers.backends.base import Finish, Piece, ProviderFailure, Reasoning, Text, TokenUsage, ToolDelta, Work
from provider_workers.backends.error_responses import response_failure, stream_failure
from provider_workers.backends.openai_wire.dialects import DIALECTS, dialect_of
from provider_workers.backends.openai_wire.request import chat_body
from provider_workers.backends.openai_wire.stream import ChatStream
from provider_workers.settings import BackendSettings
from service_common.clock import SystemClock
from service_common.failures import FailureClass
from service_common.vocabulary import FinishReason
from tests.support.worker_processes import question
from trunkline.types.v1 import chat_pb2 as chat

SETTINGS = BackendSettings("openai", "openai_wire", "openai", "https://api.openai.com/v1", api_key="sk-x")
NOW = datetime(2026, 11, 21, tzinfo=UTC)


def body(request: chat.CompletionRequest, dialect: str = "openai", **work: Any) -> dict[str, Any]:
    """The body that a request becomes."""
    return chat_body(Work("gpt-4o-mini", request, **work), SETTINGS, DIALECTS[dialect])


def event(**chunk: Any) -> bytes:
    """One event of a stream."""
    return f"data: {json.dumps(chunk)}\n\n".encode()


def delta(finish: str | None = None, **fields: Any) -> bytes:
    """One event with a delta."""
    return event(id="chatcmpl-1", model="gpt", choices=[{"index": 0, "delta": fields, "finish_reason": finish}])


def read(*chunks: bytes) -> list[Piece]:
    """The pieces of a whole answer."""
    stream = ChatStream(SystemClock())
    pieces = [piece for chunk in chunks for piece in stream.feed(chunk)]
    stream.check()
    return [*pieces, *([] if stream.done else stream.end()), stream.finish()]


def test_a_request_has_what_was_asked_and_nothing_more() -> None:
    """Absent parameters are absent from the body; zeros are in it."""
    made = body(question("Hi", parameters=chat.GenerationParameters(temperature=0.0, max_output_tokens=7, seed=0)))
    assert made == {
        "model": "gpt-4o-mini",
        "messages": [{"role": "user", "content": "Hi"}],
        "stream": True,
        "stream_options": {"include_usage": True},
        "temperature": 0.0,
        "max_completion_tokens": 7,
        "seed": 0,
    }


def test_dialects_differ_where_the_providers_do() -> None:
    """Mistral names limit and seed otherwise and reports usage unasked."""
    made = body(question("Hi", parameters=chat.GenerationParameters(max_output_tokens=7, seed=3)), "mistral")
    assert (made["max_tokens"], made["random_seed"]) == (7, 3)
    assert "stream_options" not in made


def test_developer_messages_become_system_ones() -> None:
    """Where a provider does not know the role, its instructions are the system's."""
    request = chat.CompletionRequest(
        messages=[chat.Message(role=chat.ROLE_DEVELOPER, content=[chat.ContentPart(text="Be brief.")])]
    )
    assert body(request)["messages"][0]["role"] == "developer"
    assert body(request, "groq")["messages"][0]["role"] == "system"


def test_a_parameter_without_a_word_for_it_is_unsupported() -> None:
    """top_k on OpenAI is refused before anything is sent, so that another target may serve."""
    with pytest.raises(ProviderFailure, match="top_k") as raised:
        body(question(parameters=chat.GenerationParameters(top_k=5)))
    assert raised.value.failure_class is FailureClass.UNSUPPORTED


@pytest.mark.parametrize(
    ("dialect", "mark"), [("groq", {}), ("mistral", {"prefix": True}), ("vllm", {"continue_final_message": True})]
)
def test_a_begun_text_is_continued_in_each_dialect(dialect: str, mark: dict[str, bool]) -> None:
    """The begun text goes last, with the provider's own mark."""
    made = body(question(), dialect, prefill="Once upon")
    assert made["messages"][-1]["content"] == "Once upon"
    assert all(made.get(name, made["messages"][-1].get(name)) == value for name, value in mark.items())


def test_options_pass_through_for_their_backend_alone() -> None:
    """The caller's options for this backend are in the body, another's are not."""
    request = question(provider_options={"openai": '{"store": false}', "groq": '{"x": 1}'})
    assert body(request)["store"] is False
    assert "x" not in body(request)


def test_an_unknown_dialect_is_named_with_the_known() -> None:
    """A wrong dialect in the configuration says which there are."""
    with pytest.raises(ValueError, match="vllm"):
        dialect_of("opnai", "openai")


def test_usage_and_reasoning_are_read() -> None:
    """Cached and reasoning tokens, and reasoning by either of its names."""
    usage = {
        "prompt_tokens": 9,
        "completion_tokens": 4,
        "prompt_tokens_details": {"cached_tokens": 8},
        "completion_tokens_details": {"reasoning_tokens": 3},
    }
    pieces = read(
        delta(reasoning_content="hm"),
        delta(reasoning=" so"),
        delta(content="Yes"),
        delta("stop"),
        event(choices=[], usage=usage),
        b"data: [DONE]\n\n",
    )
    assert pieces == [
        Reasoning("hm"),
        Reasoning(" so"),
        Text("Yes"),
        TokenUsage(9, 4, 8, 3),
        Finish(FinishReason.STOP, "gpt", "chatcmpl-1"),
    ]


def test_tool_calls_without_an_index_are_told_apart_by_id() -> None:
    """Some servers send whole calls without an index."""
    first = {"id": "a", "function": {"name": "f", "arguments": "{}"}}
    second = {"id": "b", "function": {"name": "g", "arguments": "{}"}}
    pieces = read(delta(tool_calls=[first, second]), delta("stop"), b"data: [DONE]\n\n")
    assert pieces[:2] == [ToolDelta(0, "a", "f", "{}"), ToolDelta(1, "b", "g", "{}")]
    assert pieces[-1] == Finish(FinishReason.TOOL_CALLS, "gpt", "chatcmpl-1")


def test_a_refusal_is_shown() -> None:
    """A refusal in words is the answer's text."""
    assert Text("I cannot help.") in read(delta(refusal="I cannot help."), delta("stop"), b"data: [DONE]\n\n")


@pytest.mark.parametrize(
    "chunks",
    [
        (),
        (b"<!doctype html>\n",),
        (delta(content="Half"),),
        (delta(content="Half"), b"data: [DONE]\n\n"),
        (event(result="other"),),
        (delta("stop"), b"data: [DONE]\n\n"),
        (delta(content="x"), b'data: {"broken\n\n'),
        (b'{"result": "ok"}',),
        (delta(content="x"), delta("error")),
        (event(choices=[{"index": 0, "delta": {"content": "x"}, "finish_reason": ["stop"]}]),),
    ],
)
def test_what_is_not_a_whole_answer_is_broken(chunks: tuple[bytes, ...]) -> None:
    """Nothing, pages, halves, other shapes and empty answers never look like an answer."""
    with pytest.raises(ProviderFailure) as raised:
        read(*chunks)
    assert raised.value.failure_class in (FailureClass.STREAM_BROKEN, FailureClass.UNAVAILABLE)


@pytest.mark.parametrize(
    "strange",
    [
        event(choices=[], usage={"prompt_tokens": "7", "prompt_tokens_details": 7, "completion_tokens_details": "x"}),
        event(choices=[], x_groq=5),
        event(choices=[1, None, []]),
        delta(content=[{"type": "thinking", "thinking": 5}]),
    ],
)
def test_fields_of_another_shape_do_not_spoil_an_answer(strange: bytes) -> None:
    """What is beside text and calls is left out where it cannot be read; the answer stands."""
    pieces = read(delta(content="Yes"), strange, delta("stop"), b"data: [DONE]\n\n")
    assert Text("Yes") in pieces
    assert isinstance(pieces[-1], Finish)


@pytest.mark.parametrize(
    "beside",
    [
        b"data:\n\n",
        b"event: ping\ndata: \n\n",
        b"data: null\n\n",
        b'event: ping\ndata: {"type": "ping", "id": "p1", "model": "none"}\n\n',
        event(),
        event(choices=None, ping=1),
    ],
)
def test_what_is_beside_an_answer_is_skipped(beside: bytes) -> None:
    """Signs of life between, before and behind the chunks, in which nothing can be lost."""
    pieces = read(beside, delta(content="Yes"), beside, delta("stop"), beside, b"data: [DONE]\n\n")
    assert pieces == [Text("Yes"), Finish(FinishReason.STOP, "gpt", "chatcmpl-1")]


@pytest.mark.parametrize(
    "last", [b"data: [DONE] \n\n", b"data:  [DONE]\n\n", b"data:[DONE]\t\r\n\r\n", b"data: [DONE].\n\n"]
)
def test_done_may_have_blanks_around_it(last: bytes) -> None:
    """As OpenAI's own client takes it; without a finish reason before it the answer is broken all the same."""
    assert read(delta(content="Yes"), delta("stop"), last)[-1] == Finish(FinishReason.STOP, "gpt", "chatcmpl-1")
    stream = ChatStream(SystemClock())
    stream.feed(delta(content="Yes") + last)
    assert stream.done
    with pytest.raises(ProviderFailure, match="without a finish reason"):
        stream.finish()


@pytest.mark.parametrize(
    "telling",
    [
        event(object="error", code=40303),
        event(type="error"),
        event(message="overloaded"),
        event(detail=[]),
        event(error={}),
        event(delta="Yes"),
        event(text="Yes"),
        event(choices={}),
        b"data: 5\n\n",
        b'data: "null"\n\n',
        b"data: DONE\n\n",
    ],
)
def test_what_may_hide_an_error_or_text_is_not_skipped(telling: bytes) -> None:
    """Another wire's errors and text would be lost, though the answer seems to end well."""
    with pytest.raises(ProviderFailure) as raised:
        read(delta(content="Yes"), telling, delta("stop"), b"data: [DONE]\n\n")
    assert raised.value.failure_class is FailureClass.STREAM_BROKEN


def test_signs_of_life_alone_are_no_answer() -> None:
    """An answer ends with its finish reason, whatever else came."""
    with pytest.raises(ProviderFailure, match="the answer is empty"):
        read(b"data:\n\n", event(type="ping"))


def test_text_before_an_error_in_one_read_is_not_lost() -> None:
    """What arrived with the error is passed on first."""
    stream = ChatStream(SystemClock())
    assert stream.feed(delta(content="Half") + event(error={"message": "overloaded", "code": 503})) == [Text("Half")]
    with pytest.raises(ProviderFailure) as raised:
        stream.check()
    assert raised.value.failure_class is FailureClass.OVERLOADED


@pytest.mark.parametrize(
    ("status", "error", "expected"),
    [
        (400, {"message": "too long", "code": "context_length_exceeded"}, FailureClass.CONTEXT_EXCEEDED),
        (400, {"message": "This model's maximum context length is 8192 tokens"}, FailureClass.CONTEXT_EXCEEDED),
        (400, {"message": "flagged", "code": "content_filter"}, FailureClass.CONTENT_FILTERED),
        (400, {"message": "Unsupported value: 'temperature'", "code": "unsupported_value"}, FailureClass.UNSUPPORTED),
        (400, {"message": "Expected last role User or Tool for serving, got assistant"}, FailureClass.UNSUPPORTED),
        (400, {"message": "temperature must be below 2"}, FailureClass.INVALID_REQUEST),
        (401, {"message": "no", "code": "invalid_api_key"}, FailureClass.AUTH),
        (402, {"message": "Insufficient Balance"}, FailureClass.QUOTA_EXHAUSTED),
        (403, {"message": "blocked", "metadata": {"reasons": ["violence"]}}, FailureClass.CONTENT_FILTERED),
        (404, {"message": "The model does not exist", "code": "model_not_found"}, FailureClass.UNSUPPORTED),
        (413, {"message": "Request too large", "code": "rate_limit_exceeded"}, FailureClass.UNSUPPORTED),
        (422, {"message": "value is not a valid dict"}, FailureClass.INVALID_REQUEST),
        (429, {"message": "slow down", "code": "rate_limit_exceeded"}, FailureClass.RATE_LIMITED),
        (
            429,
            {"message": "exceeded your current quota", "type": "insufficient_quota"},
            FailureClass.QUOTA_EXHAUSTED,
        ),
        (500, {"message": "The server had an error", "type": "server_error"}, FailureClass.UNAVAILABLE),
        (503, {"message": "The engine is overloaded", "type": "server_error"}, FailureClass.OVERLOADED),
        (529, {"message": "Overloaded"}, FailureClass.OVERLOADED),
    ],
)
def test_errors_by_code_status_and_words(status: int, error: dict[str, Any], expected: FailureClass) -> None:
    """Each error becomes the class that the router acts on."""
    failure = response_failure(status, {}, json.dumps({"error": error}).encode(), NOW)
    assert (failure.failure_class, failure.http_status) == (expected, status)
    assert failure.message == error["message"]


@pytest.mark.parametrize("answer", [b'{"a":' * 100_000, b"", b"<html>504</html>", b"[]", b'"x"', b"\xff"])
def test_an_error_in_no_known_shape_is_told_by_its_status(answer: bytes) -> None:
    """A proxy's page of an error is still an unavailable provider, never a crash."""
    failure = response_failure(504, {"content-type": "text/html"}, answer, NOW)
    assert failure.failure_class is FailureClass.UNAVAILABLE
    assert "504" in failure.message


@pytest.mark.parametrize(("status", "kind", "doubted"), [(501, "text/html", True), (500, "text/plain", False)])
def test_a_web_servers_page_raises_the_doubt_of_the_address(status: int, kind: str, doubted: bool) -> None:
    """Providers send pages through gateways alone, whose statuses are others: 502, 503 and 504."""
    failure = response_failure(status, {"content-type": f"{kind};charset=utf-8"}, b"<html></html>", NOW)
    assert ("is base_url the provider's address?" in failure.message) is doubted
    assert "base_url" not in response_failure(502, {"content-type": kind}, b"<html></html>", NOW).message


def test_errors_inside_a_stream_go_by_their_code() -> None:
    """OpenRouter's numeric codes count; an error without one means that the provider broke down."""
    assert stream_failure({"message": "slow", "code": 429}).failure_class is FailureClass.RATE_LIMITED
    assert stream_failure("boom").failure_class is FailureClass.UNAVAILABLE


@pytest.mark.parametrize("code", [503, "503"])
def test_a_status_inside_a_stream_counts_as_number_and_as_text(code: object) -> None:
    """Proxies spell it either way: overloaded is overloaded."""
    failure = stream_failure({"message": "try again later", "code": code})
    assert (failure.failure_class, failure.http_status) == (FailureClass.OVERLOADED, 503)
    assert stream_failure({"message": "x", "code": "9" * 5000}).failure_class is FailureClass.UNAVAILABLE
