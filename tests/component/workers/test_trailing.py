"""Providers that have finished their answer and go on sending: the answer is whole, and nobody waits any longer."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from provider_workers.backends.base import BackendAdapter, Finish, Piece, ProviderFailure, Text, TokenUsage, Work
from provider_workers.backends.litellm.adapter import LiteLLMBackend
from provider_workers.backends.openai_wire.adapter import OpenAIWireBackend
from provider_workers.settings import BackendSettings
from service_common.clock import SystemClock
from service_common.failures import FailureClass
from service_common.vocabulary import FinishReason
from tests.support.worker_processes import question

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning")  # litellm's own

PATIENCE = 20.0
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
WHOLE = (
    b'data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m",'
    b'"choices":[{"index":0,"delta":{"role":"assistant","content":"whole"}}]}\n\n'
    b'data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m",'
    b'"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'
)
USAGE = (
    b'data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[],'
    b'"usage":{"prompt_tokens":5,"completion_tokens":2,"total_tokens":7}}\n\n'
)
EMPTY = (
    b'data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m",'
    b'"choices":[{"index":0,"delta":{"content":""}}]}\n\n'
)
PING = b": ping\n\n"


@asynccontextmanager
async def provider(said: bytes, again: bytes) -> AsyncIterator[str]:
    """The address of a provider that answers so, and says the last thing again and again."""

    answering: set[asyncio.Task[None] | None] = set()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answering.add(asyncio.current_task())
        try:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(HEAD + said)
            while True:
                await writer.drain()
                await asyncio.sleep(0.02)
                writer.write(again)
        except ConnectionError:
            return
        finally:
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    finally:
        server.close()
        await asyncio.wait([task for task in answering if task is not None], timeout=PATIENCE)


def backend(kind: str, base_url: str) -> BackendAdapter:
    """An adapter of that kind for the provider."""
    if kind == "litellm":
        return LiteLLMBackend(BackendSettings("p", kind, "deepseek", base_url, api_key="sk-12345678"), SystemClock())
    return OpenAIWireBackend(BackendSettings("p", kind, "openai", base_url), SystemClock())


async def pieces(kind: str, said: bytes, again: bytes) -> Sequence[Piece]:
    """The pieces of the provider's answer."""
    async with provider(said, again) as base_url, asyncio.timeout(PATIENCE):
        adapter = backend(kind, base_url)
        try:
            return [piece async for batch in adapter.complete(Work("m", question())) for piece in batch]
        finally:
            await adapter.close()


@pytest.mark.parametrize("kind", ["openai_wire", "litellm"])
@pytest.mark.parametrize("again", [PING, EMPTY])
async def test_what_follows_the_finish_reason_keeps_nobody_waiting(kind: str, again: bytes) -> None:
    """Comments and empty chunks are no sign that more is to come."""
    found = await pieces(kind, WHOLE, again)
    assert "".join(piece.text for piece in found if isinstance(piece, Text)) == "whole"
    assert isinstance(found[-1], Finish)
    assert found[-1].reason is FinishReason.STOP


async def test_usage_among_comments_is_taken() -> None:
    """What the wait is for."""
    found = await pieces("openai_wire", WHOLE + PING + USAGE, PING)
    assert [piece for piece in found if isinstance(piece, TokenUsage)] == [TokenUsage(5, 2)]


async def test_an_answer_that_goes_on_after_its_finish_reason_is_broken() -> None:
    """Cut where it said to be finished, a longer answer would look whole."""
    with pytest.raises(ProviderFailure) as raised:
        await pieces("openai_wire", WHOLE + EMPTY.replace(b'""', b'" and more"'), PING)
    assert raised.value.failure_class is FailureClass.STREAM_BROKEN
