"""Real worker processes for tests, and requests to send them."""

import asyncio
import os
import shlex
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from trunkline.router.v1.router_service_pb2 import CompleteRequest, EmbedRequest
from trunkline.types.v1 import chat_pb2 as chat

ROOT = Path(__file__).resolve().parent.parent.parent
LEAVE_TIMEOUT = 5.0


@asynccontextmanager
async def worker_process(
    arguments: Sequence[str],
    environment: Mapping[str, str] | None = None,
    command: str = "",
    stdin: int = asyncio.subprocess.DEVNULL,
) -> AsyncIterator[asyncio.subprocess.Process]:
    """A worker with these arguments, ended at the end; `command` replaces the one of this project."""
    start = shlex.split(command) if command else [sys.executable, "-m", "provider_workers", *arguments]
    known = {name: value for name, value in os.environ.items() if not name.startswith("TRUNKLINE_")}
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
