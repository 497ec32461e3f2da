"""Runs the real `trunkline` as a process."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

COMMAND = (sys.executable, "-m", "trunkline.cli")


@dataclass(frozen=True, slots=True)
class Ran:
    """What a command came to."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output as JSON."""
        return json.loads(self.out)


def clean_environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """This process's environment without what would change a command's behaviour, and with `more`."""
    dropped = ("TRUNKLINE_", "OTEL_", "OLLAMA_", "LITELLM_")
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(dropped) and not name.endswith("_API_KEY")
    }
    # nothing listens at port 9: an Ollama of the machine must not change what a test sees
    fixed = {"OLLAMA_BASE_URL": "http://127.0.0.1:9", "COLUMNS": "100"}
    # routers that run side by side would take each other's port for metrics
    return {**kept, **fixed, "OTEL_METRICS_EXPORTER": "none", **(more or {})}


async def trunkline(
    *arguments: str, environment: Mapping[str, str] | None = None, stdin: str | None = None, timeout: float = 30.0
) -> Ran:
    """Run a command to its end.

    Raises:
        TimeoutError: it did not end within `timeout` seconds; it is killed.
    """
    process = await asyncio.create_subprocess_exec(
        *COMMAND,
        *arguments,
        stdin=asyncio.subprocess.PIPE if stdin is not None else asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=clean_environment(environment),
    )
    try:
        async with asyncio.timeout(timeout):
            out, err = await process.communicate(None if stdin is None else stdin.encode())
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return Ran(process.returncode or 0, out.decode(), err.decode())


@asynccontextmanager
async def started(*arguments: str) -> AsyncIterator[tuple[asyncio.subprocess.Process, AsyncIterator[str]]]:
    """A command that goes on, and the lines that it writes to standard output; it has ended when the block ends."""
    process = await asyncio.create_subprocess_exec(
        *COMMAND,
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env=clean_environment(),
    )
    out = process.stdout
    assert out is not None
    try:
        yield process, (line.decode().rstrip("\n") async for line in out)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
