"""Real worker processes for tests, and requests to send them."""

import asyncio
import os
import shlex
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from tests.support.worker_harness import Attached, ScriptedRouter, WorkerEndedError
from trunkline.router.v1.router_service_pb2 import CompleteRequest, EmbedRequest
from trunkline.types.v1 import chat_pb2 as chat

ROOT = Path(__file__).resolve().parent.parent.parent
LEAVE_TIMEOUT = 5.0
LAST_WORDS = 2000
"""Bytes of what a worker said before it ended, that a failure quotes."""


@asynccontextmanager
async def worker_process(
    arguments: Sequence[str],
    environment: Mapping[str, str] | None = None,
    command: str = "",
    stdin: int = asyncio.subprocess.DEVNULL,
) -> AsyncIterator[asyncio.subprocess.Process]:
    """A worker with these arguments, ended at the end; `command` replaces the one of this project."""
    start = shlex.split(command) if command else [sys.executable, "-m", "provider_workers", *arguments]
    known = {name: value for name, value in os.environ.items() if not name.startswith(("TRUNKLINE_", "LITELLM_"))}
    path = os.pathsep.join([str(ROOT), str(ROOT / "clients" / "python")])
    process = await asyncio.create_subprocess_exec(
        *start,
        cwd=ROOT,
        env={**known, "PYTHONPATH": path, **(environment or {})},
        stdin=stdin,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
        try:
            async with asyncio.timeout(LEAVE_TIMEOUT):
                await process.communicate()
        except TimeoutError:
            process.kill()
            await process.wait()


@asynccontextmanager
async def attached(process: Process, router: ScriptedRouter) -> AsyncIterator[Attached]:
    """The worker of `process` once it has attached. Where its process ends, whoever waits for it is told how.

    Raises:
        WorkerEndedError: it ended before it attached.
    """
    said = bytearray()
    listening = asyncio.create_task(_listen(process, said))
    ending = asyncio.create_task(_ended(process, listening, said))
    arriving = asyncio.create_task(router.worker(len(router.workers) + 1))
    try:
        await asyncio.wait((arriving, ending), return_when=asyncio.FIRST_COMPLETED)
        if not arriving.done():
            raise WorkerEndedError(ending.result())
        worker = arriving.result()
        ending.add_done_callback(lambda ended: None if ended.cancelled() else worker.lose(ended.result()))
        yield worker
    finally:
        for task in (arriving, ending, listening):
            task.cancel()
        await asyncio.gather(arriving, ending, listening, return_exceptions=True)


async def _listen(process: Process, said: bytearray) -> None:
    assert process.stderr is not None
    while chunk := await process.stderr.read(LAST_WORDS):
        said += chunk
        del said[:-LAST_WORDS]


async def _ended(process: Process, listening: asyncio.Task[None], said: bytearray) -> str:
    status = await process.wait()
    with suppress(TimeoutError):  # a child of the worker's may keep its output open
        await asyncio.wait_for(asyncio.shield(listening), 1)
    return f"the worker ended with status {status}. It said last: {said.decode(errors='replace').strip() or 'nothing'}"


def question(text: str = "Tell me about bridges.", **fields: object) -> chat.CompletionRequest:
    """A request with one message of the user."""
    message = chat.Message(role=chat.ROLE_USER, content=[chat.ContentPart(text=text)])
    return chat.CompletionRequest(**{"messages": [message], **fields})  # type: ignore[arg-type]


def complete_body(request: chat.CompletionRequest | None = None) -> bytes:
    """The body of a dispatch for a chat answer."""
    return CompleteRequest(completion=request if request is not None else question()).SerializeToString()


def embed_body(*inputs: str, dimensions: int | None = None) -> bytes:
    """The body of a dispatch for vectors."""
    return EmbedRequest(inputs=inputs, dimensions=dimensions).SerializeToString()
