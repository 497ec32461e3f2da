"""Pulls of an Ollama that stalls, or ends otherwise than it should."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from provider_workers.backends.base import ProviderFailure, Pulling
from provider_workers.backends.ollama import adapter
from provider_workers.backends.ollama.adapter import OllamaBackend
from provider_workers.settings import BackendSettings
from service_common.clock import SystemClock
from service_common.failures import FailureClass

PATIENCE = 20.0
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nConnection: close\r\n\r\n"
STEP = b'{"status":"pulling x","total":100,"completed":5}\n'
SUCCESS = b'{"status":"success"}'


@asynccontextmanager
async def saying(said: bytes, again: bytes, *, close: bool) -> AsyncIterator[str]:
    """The address of a server that says this; then it closes, or says the rest again and again."""
    over = asyncio.Event()
    serving: set[asyncio.Task[None] | None] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving.add(asyncio.current_task())
        await reader.readuntil(b"\r\n\r\n")
        writer.write(HEAD + said)
        while not close and not over.is_set() and not writer.is_closing():
            writer.write(again)
            await asyncio.sleep(0.05)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        over.set()
        server.close()
        await asyncio.wait([task for task in serving if task is not None], timeout=PATIENCE)


async def pulled(said: bytes, again: bytes = b"", *, close: bool = False) -> list[Pulling]:
    """The steps of a pull."""
    async with saying(said, again, close=close) as address, asyncio.timeout(PATIENCE):
        backend = OllamaBackend(BackendSettings("o", "ollama", "ollama", address, pull=True), SystemClock())
        try:
            return [step async for step in backend.pull("m")]
        finally:
            await backend.close()


@pytest.mark.parametrize("again", [b"", STEP])
async def test_a_pull_without_progress_is_given_up(again: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """An Ollama repeats its last step for as long as it waits: that is no progress."""
    monkeypatch.setattr(adapter, "PULL_IDLE", 0.3)
    with pytest.raises(ProviderFailure) as raised:
        await pulled(STEP, again)
    assert raised.value.failure_class is FailureClass.TIMEOUT_IDLE
    assert "no progress" in raised.value.message


@pytest.mark.parametrize("end", [b"", b"\n"])
@pytest.mark.parametrize("close", [True, False])
async def test_a_pull_that_succeeded_is_over(end: bytes, close: bool) -> None:
    """With its last line whole or not, and whether or not the server keeps the body open."""
    if not close:
        end = b"\n"  # else the line may go on
    assert [step.status for step in await pulled(STEP + SUCCESS + end, close=close)] == ["pulling x", "success"]


async def test_an_error_in_the_last_line_is_told() -> None:
    """Although it has no line end."""
    with pytest.raises(ProviderFailure) as raised:
        await pulled(STEP + b'{"error":"file does not exist"}', close=True)
    assert "file does not exist" in raised.value.message
