"""Providers that send other JSON types than their wire has: a broken answer, never a broken worker or garbled text."""

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given

from provider_workers.backends import error_responses
from provider_workers.backends.base import Finish, Piece, ProviderFailure, TokenUsage, ToolDelta, Vectors
from provider_workers.backends.litellm.stream import PieceReader
from provider_workers.backends.ollama import errors as ollama_errors
from provider_workers.backends.ollama.stream import ChatStream as OllamaStream
from provider_workers.backends.ollama.stream import embeddings, progress
from provider_workers.backends.openai_wire.embeddings import vectors
from provider_workers.backends.openai_wire.stream import ChatStream as OpenAIStream
from provider_workers.link.frames import attempt_frame
from provider_workers.orders import Answered
from service_common.clock import SystemClock
from service_common.failures import FailureClass
from tests.support.json_values import VALUES, bent

NOW = datetime(2026, 11, 21, tzinfo=UTC)
COUNTS = {"prompt_tokens": 3, "completion_tokens": 4, "prompt_tokens_details": {"cached_tokens": 1}}
CALL = {"index": 0, "id": "c1", "function": {"name": "now", "arguments": "{}"}}
OPENAI = {
    "id": "chatcmpl-1",
    "model": "gpt",
    "choices": [
        {
            "index": 0,
            "delta": {"content": "Hi", "reasoning_content": "hm", "tool_calls": [CALL]},
            "finish_reason": "tool_calls",
        }
    ],
    "usage": COUNTS,
}
OLLAMA = {
    "model": "llama3.1",
    "created_at": "2026-11-21T00:00:00Z",
    "message": {
        "role": "assistant",
        "content": "Hi",
        "thinking": "hm",
        "tool_calls": [{"id": "c1", "function": {"name": "now", "arguments": {"zone": "utc"}}}],
    },
    "done": True,
    "done_reason": "stop",
    "prompt_eval_count": 3,
    "eval_count": 4,
}
LITELLM = {
    "id": "c",
    "model": "claude",
    "choices": [{"delta": {"content": "Hi", "reasoning_content": "hm", "tool_calls": [CALL]}}],
    "usage": COUNTS,
}
PULL = {"status": "pulling", "completed": 1, "total": 2}
ERROR = {"error": {"message": "no", "code": "x", "type": "y", "metadata": {"reasons": []}}}


def event(chunk: Any) -> bytes:
    """One event of OpenAI's wire."""
    return f"data: {json.dumps(chunk)}\n\n".encode()


def line(value: Any) -> bytes:
    """One line of Ollama's wire."""
    return f"{json.dumps(value)}\n".encode()


def outcome(read: Callable[[], Sequence[Piece]]) -> list[Piece] | ProviderFailure:
    """What a parser makes of an answer; its pieces must be such as a frame can hold."""
    try:
        pieces = list(read())
    except ProviderFailure as failure:
        return failure
    for piece in pieces:
        report = Answered(piece, None, None, 0.0) if isinstance(piece, Finish) else piece
        assert attempt_frame(1, report).SerializeToString()
    return pieces


def openai_answer(chunk: Any) -> list[Piece] | ProviderFailure:
    """What becomes of an answer of one chunk."""
    stream = OpenAIStream(SystemClock())

    def read() -> list[Piece]:
        pieces = [*stream.feed(event(chunk)), *stream.feed(b"data: [DONE]\n\n")]
        stream.check()
        return [*pieces, stream.finish()]

    return outcome(read)


def ollama_answer(last: Any) -> list[Piece] | ProviderFailure:
    """What becomes of an answer of one line."""
    stream = OllamaStream()

    def read() -> list[Piece]:
        pieces = [*stream.feed(line(last)), *stream.end()]
        stream.check()
        return [*pieces, stream.finish()]

    return outcome(read)


def litellm_answer(chunk: Any) -> list[Piece] | ProviderFailure:
    """What becomes of an answer of one chunk."""
    reader, read = PieceReader("127.0.0.1:1"), spaced(chunk)
    return outcome(lambda: [*reader.read(read, [read]), reader.finish("stop")])


def spaced(value: Any) -> Any:
    """JSON as objects with attributes, as litellm has it."""
    if isinstance(value, dict):
        return SimpleNamespace(**{key: spaced(inner) for key, inner in value.items()})
    return [spaced(inner) for inner in value] if isinstance(value, list) else value


@given(VALUES | bent(OPENAI) | bent(ERROR))
def test_an_openai_chunk_of_any_shape_is_read_or_is_a_failure(chunk: Any) -> None:
    """No other exception leaves the parser, and what it gives out can be sent on."""
    openai_answer(chunk)


@given(VALUES | bent(OLLAMA) | bent(ERROR))
def test_an_ollama_line_of_any_shape_is_read_or_is_a_failure(last: Any) -> None:
    """No other exception leaves the parser, and what it gives out can be sent on."""
    ollama_answer(last)


@given(VALUES | bent(LITELLM))
def test_a_litellm_chunk_of_any_shape_is_read_or_is_a_failure(chunk: Any) -> None:
    """No other exception leaves the reader, and what it gives out can be sent on."""
    litellm_answer(chunk)


@given(VALUES | bent(PULL))
def test_progress_of_any_shape_is_read_or_is_a_failure(said: Any) -> None:
    """A pull ends with a failure rather than with a broken worker."""
    outcome(lambda: [progress(said)] if isinstance(said, dict) else [])


@given(VALUES | bent(ERROR))
def test_an_error_of_any_shape_is_a_failure(said: Any) -> None:
    """Whatever an error's body holds, it is told as a failure with a message."""
    for status in (400, 403, 404, 429, 500):
        for respond in (error_responses.response_failure, ollama_errors.response_failure):
            assert respond(status, {}, json.dumps(said).encode(), NOW).message


@pytest.mark.parametrize("respond", [error_responses.response_failure, ollama_errors.response_failure])
def test_an_error_without_a_bottom_is_a_failure(respond: Callable[..., ProviderFailure]) -> None:
    """Brackets nested deeper than any parser goes are no reason to break down."""
    assert respond(500, {}, b'{"error":' * 60_000, NOW).failure_class is FailureClass.UNAVAILABLE


@given(VALUES | bent({"data": [{"index": 0, "embedding": [0.5, 1]}], "usage": COUNTS, "model": "m"}))
def test_openai_embeddings_of_any_shape_are_read_or_are_a_failure(answer: Any) -> None:
    """Vectors are numbers, whatever was sent."""
    check_vectors(lambda: vectors(answer if isinstance(answer, dict) else {}, 1))


@given(VALUES | bent({"embeddings": [[0.5, 1]], "prompt_eval_count": 3, "model": "m"}))
def test_ollama_embeddings_of_any_shape_are_read_or_are_a_failure(answer: Any) -> None:
    """Vectors are numbers, whatever was sent."""
    check_vectors(lambda: embeddings(answer if isinstance(answer, dict) else {}, 1))


def check_vectors(read: Callable[[], Vectors]) -> None:
    """What is read holds numbers and words; all else is a failure."""
    try:
        found = read()
    except ProviderFailure:
        return
    assert all(isinstance(number, float) for vector in found.values for number in vector)
    assert isinstance(found.provider_model, str)


@pytest.mark.parametrize(
    "message",
    [
        {"content": {"text": "Hi"}},
        {"content": 5},
        {"thinking": ["hm"]},
        {"tool_calls": "now"},
        {"tool_calls": ["now"]},
        {"tool_calls": [None]},
        {"tool_calls": [{"function": "now"}]},
        {"tool_calls": [{"function": {"arguments": {}}}]},
        {"tool_calls": [{"function": {"name": ["now"]}}]},
        {"tool_calls": [{"function": {"name": "now", "arguments": [1]}}]},
        "Hi",
    ],
)
def test_what_an_ollama_answer_cannot_hold_breaks_it(message: Any) -> None:
    """A text or a call that cannot be read is neither left out nor shown as something else."""
    failure = ollama_answer({**OLLAMA, "message": message})
    assert isinstance(failure, ProviderFailure)
    assert failure.failure_class is FailureClass.STREAM_BROKEN


@pytest.mark.parametrize(
    "delta",
    [
        {"content": {"text": "Hi"}},
        {"content": 5},
        {"tool_calls": {"index": 0}},
        {"tool_calls": ["now"]},
        {"tool_calls": [None, {"index": []}]},
        {"tool_calls": [{"index": 0, "function": "now"}]},
        {"tool_calls": [{"index": 0, "id": "c1", "function": {"name": "", "arguments": "{}"}}]},
        {"tool_calls": [{"index": 0, "id": "c1", "function": {"arguments": "{}"}}]},
        {"tool_calls": [{"index": 0, "function": {"name": "now", "arguments": [1]}}]},
        "Hi",
    ],
)
def test_what_an_openai_answer_cannot_hold_breaks_it(delta: Any) -> None:
    """A text or a call that cannot be read is neither left out nor shown as something else."""
    failure = openai_answer({"model": "gpt", "choices": [{"index": 0, "delta": delta, "finish_reason": "stop"}]})
    assert isinstance(failure, ProviderFailure)
    assert failure.failure_class is FailureClass.STREAM_BROKEN


def test_arguments_in_the_other_wire_s_form_are_taken() -> None:
    """Some servers send OpenAI's arguments as an object, and Ollama's as a text: what is meant is clear."""
    call = {"index": 0, "id": "c1", "function": {"name": "now", "arguments": {"zone": "utc"}}}
    chunk = {"model": "gpt", "choices": [{"index": 0, "delta": {"tool_calls": [call]}, "finish_reason": "stop"}]}
    call = {"function": {"name": "now", "arguments": '{"zone": "utc"}'}}
    last = {**OLLAMA, "message": {"tool_calls": [call]}}
    for answer in (openai_answer(chunk), ollama_answer(last)):
        assert isinstance(answer, list)
        assert [piece.arguments_json for piece in answer if isinstance(piece, ToolDelta)] == ['{"zone": "utc"}']


@pytest.mark.parametrize("count", ["5", [5], {"n": 5}, -1, float("inf")])
def test_a_count_that_is_none_costs_the_count_and_not_the_answer(count: Any) -> None:
    """Without the provider's usage the router estimates it; the answer itself is whole."""
    answer = ollama_answer({**OLLAMA, "eval_count": count, "prompt_eval_count": count})
    assert isinstance(answer, list)
    assert isinstance(answer[-1], Finish)
    assert not [piece for piece in answer if isinstance(piece, TokenUsage)]
