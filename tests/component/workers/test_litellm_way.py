"""litellm's way to a provider: no redirect, no endless body, and an event loop that runs whatever a provider sends."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest

from provider_workers.backends.base import EmbedWork, Finish, Piece, ProviderFailure, Text, Vectors, Work
from provider_workers.backends.litellm.adapter import LiteLLMBackend
from provider_workers.backends.litellm.transport import MAX_ERROR_BODY
from provider_workers.settings import BackendSettings
from service_common.clock import SystemClock
from service_common.failures import FailureClass
from service_common.link import LONGEST_WAIT
from tests.support.web_server import answering, flooding, redirecting
from tests.support.worker_processes import question
from trunkline.router.v1.router_service_pb2 import EmbedRequest

pytestmark = [
    pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning"),  # litellm's own
    pytest.mark.usefixtures("provider_variables"),
]

KEY = "a-key-of-nobody-1234567890"
CHATS = {
    "anthropic": "claude-haiku-4-5",
    "gemini": "gemini-2.5-flash",
    "cohere": "command-a-03-2025",
    "azure": "gpt-4o-mini",
    "bedrock": "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
}
EMBEDDINGS = {
    "gemini": "gemini-embedding-001",
    "cohere": "embed-v4.0",
    "azure": "text-embedding-3-small",
    "bedrock": "amazon.titan-embed-text-v2:0",
}
STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
BODY = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n"
LONG = 60.0
"""Seconds that no test needs, on the slowest machine."""


@pytest.fixture
def looked_up(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The hosts that anybody looks up."""
    hosts: list[str] = []
    lookup = socket.getaddrinfo

    def watched(host: Any, *others: Any, **named: Any) -> Any:
        hosts.append(str(host))
        return lookup(host, *others, **named)

    monkeypatch.setattr(socket, "getaddrinfo", watched)
    return hosts


@asynccontextmanager
async def backend(provider: str, where: str) -> AsyncIterator[LiteLLMBackend]:
    """The backend of one provider that answers at `host:port`."""
    key = "" if provider == "bedrock" else KEY
    made = LiteLLMBackend(BackendSettings(provider, "litellm", provider, f"http://{where}", api_key=key), SystemClock())
    try:
        yield made
    finally:
        await made.close()


async def answer(provider: str, where: str, model: str = "") -> list[Piece]:
    """What one provider answers."""
    async with asyncio.timeout(LONG), backend(provider, where) as made:
        work = Work(model or CHATS[provider], question("Hi"))
        return [piece async for batch in made.complete(work) for piece in batch]


async def vectors(provider: str, where: str) -> Vectors:
    """What one provider makes of a text."""
    async with asyncio.timeout(LONG), backend(provider, where) as made:
        return await made.embed(EmbedWork(EMBEDDINGS[provider], EmbedRequest(inputs=["a text"])))


def said(events: list[dict[str, Any]]) -> bytes:
    """Events of a stream."""
    return b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events)


def anthropics(*texts: str) -> list[dict[str, Any]]:
    """A whole answer of Anthropic's."""
    message = {"id": "m", "model": "c", "role": "assistant", "content": [], "usage": {"input_tokens": 1}}
    start = {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
    deltas = [
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}} for text in texts
    ]
    end = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 1}}
    return [{"type": "message_start", "message": message}, start, *deltas, end, {"type": "message_stop"}]


def geminis(text: str) -> list[dict[str, Any]]:
    """A whole answer of Gemini's."""
    content = {"parts": [{"text": text}], "role": "model"}
    usage = {"promptTokenCount": 1, "candidatesTokenCount": 1, "totalTokenCount": 2}
    return [{"candidates": [{"content": content, "finishReason": "STOP", "index": 0}], "usageMetadata": usage}]


def text_of(pieces: list[Piece]) -> str:
    """The text of a whole answer."""
    assert isinstance(pieces[-1], Finish)
    return "".join(piece.text for piece in pieces if isinstance(piece, Text))


@pytest.mark.parametrize("provider", CHATS)
async def test_a_redirect_is_not_followed(provider: str) -> None:
    """It could carry the key and the prompt elsewhere; the failure says where to."""
    async with redirecting(307) as (where, asked):
        with pytest.raises(ProviderFailure) as raised:
            await answer(provider, where)
        assert asked == []
    assert raised.value.failure_class is FailureClass.UNAVAILABLE
    assert "HTTP 307: it redirects to http://127.0.0.1:" in raised.value.message


@pytest.mark.parametrize("provider", EMBEDDINGS)
async def test_a_redirect_of_an_embedding_is_not_followed(provider: str) -> None:
    """As with answers."""
    async with redirecting(307) as (where, asked):
        with pytest.raises(ProviderFailure) as raised:
            await vectors(provider, where)
        assert asked == []
    assert raised.value.failure_class is FailureClass.UNAVAILABLE


@pytest.mark.parametrize("provider", CHATS)
async def test_an_endless_error_is_cut(provider: str) -> None:
    """litellm would take seconds over each megabyte of it, which the event loop stands still for."""
    head = b"HTTP/1.1 500 Broken\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n"
    async with flooding(head, b"z" * 65536) as flood:
        with pytest.raises(ProviderFailure) as raised:
            await answer(provider, flood.where)
        await asyncio.wait_for(flood.over.wait(), LONG)
    assert raised.value.http_status >= 500  # of Bedrock's 500, litellm makes a 503
    assert len(raised.value.message) < 2 * MAX_ERROR_BODY


@pytest.mark.parametrize("provider", ["anthropic", "gemini", "cohere", "azure"])
async def test_a_line_without_an_end_breaks_the_answer(provider: str) -> None:
    """It is not kept until the memory is full."""
    async with flooding(STREAM + b"data: ", b"y" * 1_000_000) as flood:
        with pytest.raises(ProviderFailure) as raised:
            await answer(provider, flood.where)
        await asyncio.wait_for(flood.over.wait(), LONG)
    assert raised.value.failure_class is FailureClass.STREAM_BROKEN
    assert "a line of more than" in raised.value.message


async def test_an_endless_body_breaks_the_call() -> None:
    """What is no stream of events has a limit as a whole."""
    async with flooding(BODY, b"1," * 500_000) as flood:
        with pytest.raises(ProviderFailure) as raised:
            await vectors("gemini", flood.where)
        await asyncio.wait_for(flood.over.wait(), LONG)
    assert raised.value.failure_class is FailureClass.STREAM_BROKEN
    assert "a response of more than" in raised.value.message


@pytest.mark.parametrize("provider", ["anthropic", "gemini", "cohere", "azure"])
@pytest.mark.parametrize("again", [b": x\n\n" * 200, b'event: ping\ndata: {"type": "ping"}\n\n' * 50])
async def test_a_flood_that_says_nothing_can_be_left(provider: str, again: bytes) -> None:
    """A limit of the attempt cancels it, and its socket is closed, however fast the provider sends."""
    async with flooding(STREAM, again) as flood, backend(provider, flood.where) as made:
        started = asyncio.get_running_loop().time()
        with suppress(TimeoutError, ProviderFailure):  # of an event that the provider has not, Cohere's reader fails
            async with asyncio.timeout(0.5):
                async for batch in made.complete(Work(CHATS[provider], question("Hi"))):
                    assert not any(isinstance(piece, Finish) for piece in batch)
        assert asyncio.get_running_loop().time() - started < LONG / 2
        await asyncio.wait_for(flood.over.wait(), LONG)


async def test_the_event_loop_runs_while_much_lies_ready() -> None:
    """A burst that came at once is many events, each of them a millisecond of litellm's."""
    nothing = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": ""}}
    burst = f"data: {json.dumps(nothing)}\n\n".encode() * 1000  # of a kind that litellm has to read
    async with answering(STREAM + said(anthropics("once"))) as where:
        await answer("anthropic", where)  # what a first call loads is no burst
    loop = asyncio.get_running_loop()
    gaps: list[float] = []

    async def watch() -> None:
        last = loop.time()
        while True:
            await asyncio.sleep(0)
            gaps.append(loop.time() - last)
            last = loop.time()

    async with answering(STREAM + burst + said(anthropics("after it"))) as where:
        watching = asyncio.create_task(watch())
        began = loop.time()
        assert text_of(await answer("anthropic", where)) == "after it"
        took = loop.time() - began
        watching.cancel()
    assert max(gaps) < took / 3


async def test_comments_and_separators_do_no_harm() -> None:
    """Comments, other fields and data on several lines, and a text with Unicode's own ends of lines."""
    whole = json.dumps(geminis("one\u2028two\u0085three")[0], ensure_ascii=False, indent=1)
    event = b"".join(b"data: " + line.encode() + b"\n" for line in whole.split("\n"))
    async with answering(STREAM + b": busy\n\nid: 5\nretry: 10\n" + event + b"\n") as where:
        assert text_of(await answer("gemini", where)) == "one\u2028two\u0085three"


@pytest.mark.parametrize("model", ["llama-3-8b", "llama-2-7b"])
async def test_litellm_fetches_no_tokenizer(model: str, looked_up: list[str]) -> None:
    """It would, by the model's name, for a count that nobody reads, holding the worker up for seconds."""
    async with answering(STREAM + said(geminis("hello"))) as where:
        assert text_of(await answer("gemini", where, model)) == "hello"
    assert [host for host in looked_up if "127.0.0.1" not in host] == []


async def test_a_model_that_litellm_would_ask_another_for_is_refused() -> None:
    """By its name it would get Replicate the key and the prompt."""
    with pytest.raises(ProviderFailure) as raised:
        await answer("gemini", "127.0.0.1:9", "my-replicate-of-gemini")
    assert raised.value.failure_class is FailureClass.UNSUPPORTED
    assert "Replicate" in raised.value.message


@pytest.mark.parametrize("provider", CHATS)
async def test_a_status_that_is_no_answer_is_told(provider: str) -> None:
    """Without litellm's words to programmers."""
    async with answering(b"HTTP/1.1 204 No Content\r\n\r\n") as where:
        with pytest.raises(ProviderFailure) as raised:
            await answer(provider, where)
    assert (raised.value.failure_class, raised.value.http_status) == (FailureClass.UNAVAILABLE, 204)
    assert raised.value.message.startswith("HTTP 204 instead of an answer")


@pytest.mark.parametrize("provider", ["anthropic", "gemini"])
@pytest.mark.parametrize(
    ("response", "failure_class", "words"),
    [
        (b"HTTP/1.1 429 Slow\r\nRetry-After: \xc3\xbc\r\nContent-Length: 2\r\n\r\n{}", "UNAVAILABLE", "not ASCII"),
        (b"HTTP/1.1 200 OK\r\nContent-Ty", "UNAVAILABLE", "the connection was closed"),
        (BODY.replace(b"\r\n\r\n", b"\r\nContent-Encoding: gzip\r\n\r\nplain"), "STREAM_BROKEN", "not encoded as"),
        (b"HTTP/1.1 500 Broken\r\nContent-Length: 0\r\n\r\n", "UNAVAILABLE", "HTTP 500"),
    ],
)
async def test_a_broken_response_is_told_in_words_of_our_own(
    provider: str, response: bytes, failure_class: str, words: str
) -> None:
    """Neither Python's, nor half a head."""
    async with answering(response) as where:
        with pytest.raises(ProviderFailure) as raised:
            await answer(provider, where)
    assert raised.value.failure_class is FailureClass[failure_class]
    assert words in raised.value.message
    assert not raised.value.message.startswith("b'")


async def test_an_absurd_wait_is_the_longest() -> None:
    """A number that no float holds is a rate limit all the same."""
    details = [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "9" * 400 + "s"}]
    body = json.dumps({"error": {"code": 429, "message": "slow", "status": "RESOURCE_EXHAUSTED", "details": details}})
    head = f"HTTP/1.1 429 Slow\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    async with answering((head + body).encode()) as where:
        with pytest.raises(ProviderFailure) as raised:
            await answer("gemini", where)
    assert (raised.value.failure_class, raised.value.retry_after) == (FailureClass.RATE_LIMITED, LONGEST_WAIT)


async def test_vectors_of_an_odd_shape_are_told_without_pythons_words() -> None:
    """litellm builds an object of each, whose words are for programmers."""
    async with answering(BODY + b'{"embeddings": [{"values": null}]}') as where:
        with pytest.raises(ProviderFailure) as raised:
            await vectors("gemini", where)
    assert raised.value.failure_class is FailureClass.STREAM_BROKEN
    assert raised.value.message.startswith(f"litellm cannot read the answer of {where}")
    assert "pydantic" not in raised.value.message
