"""A router and its workers as real processes, for tests that kill, pause and stop them."""

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import grpc

from tests.support.caller import Caller, caller_of
from tests.support.command_line import clean_environment
from trunkline.admin.v1 import admin_service_pb2 as admin

ROOT = Path(__file__).resolve().parent.parent.parent
TOKEN = "a-worker-token"
PATIENCE = 15.0
SERVING = re.compile(r"serving on \S+:(\d+)")


@dataclass(slots=True)
class RunningProcess:
    """A process and what it logs. Ended by `end`; a process that was killed or stopped is ended all the same."""

    process: asyncio.subprocess.Process
    lines: list[str] = field(default_factory=list)
    _grew: asyncio.Event = field(default_factory=asyncio.Event)
    _reader: asyncio.Task[None] | None = None

    @classmethod
    async def start(cls, arguments: Sequence[str], environment: Mapping[str, str]) -> "RunningProcess":
        """Run `python -m ARGUMENTS`."""
        path = os.pathsep.join([str(ROOT), str(ROOT / "clients" / "python")])
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            *arguments,
            cwd=ROOT,
            env=clean_environment({"TRUNKLINE_WORKER_TOKEN": TOKEN, "PYTHONPATH": path, **environment}),
            stdin=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        running = cls(process)
        running._reader = asyncio.create_task(running._read())
        return running

    @property
    def log(self) -> str:
        """What it said so far."""
        return "\n".join(self.lines)

    def send(self, number: signal.Signals) -> None:
        """Send a signal."""
        self.process.send_signal(number)

    async def said(self, pattern: re.Pattern[str], timeout: float = PATIENCE) -> re.Match[str]:
        """The first line that matches, waited for.

        Raises:
            AssertionError: it did not come in time, or the process ended; with what it said.
        """
        try:
            async with asyncio.timeout(timeout):
                while True:
                    for line in self.lines:
                        if found := pattern.search(line):
                            return found
                    assert self._reader is not None
                    assert not self._reader.done(), f"it ended without saying {pattern.pattern}:\n{self.log}"
                    self._grew.clear()
                    await self._grew.wait()
        except TimeoutError:
            raise AssertionError(f"it did not say {pattern.pattern} within {timeout:g} s:\n{self.log}") from None

    async def ended(self, timeout: float = PATIENCE) -> int:
        """Its exit status, waited for."""
        async with asyncio.timeout(timeout):
            return await self.process.wait()

    async def end(self) -> None:
        """Make sure that it has ended."""
        if self.process.returncode is None:
            with suppress(ProcessLookupError):
                self.process.kill()
            await self.process.wait()
        if self._reader is not None:
            await self._reader

    async def _read(self) -> None:
        assert self.process.stderr is not None
        async for line in self.process.stderr:
            self.lines.append(line.decode().rstrip())
            self._grew.set()
        self._grew.set()


@dataclass(slots=True)
class Deployment:
    """Processes around one configuration file; `stack` ends them."""

    config: Path
    stack: AsyncExitStack
    environment: Mapping[str, str] = field(default_factory=dict)
    address: str = ""

    async def router(self, port: int = 0) -> RunningProcess:
        """A router that serves; its address is `address`."""
        arguments = ["router_service", "serve", "--config", str(self.config), "--listen", f"127.0.0.1:{port}"]
        process = await self._start(arguments)
        self.address = f"127.0.0.1:{(await process.said(SERVING))[1]}"
        return process

    async def worker(
        self, backend: str, worker_id: str = "", routers: str = "", patience: float = PATIENCE
    ) -> RunningProcess:
        """A worker that is attached."""
        arguments = ["provider_workers", "--config", str(self.config), "--backend", backend]
        arguments += ["--router", routers or self.address, "--worker-id", worker_id or f"{backend}-1"]
        process = await self._start(arguments)
        await process.said(re.compile("attached to the router"), patience)
        return process

    async def caller(self) -> Caller:
        """A caller of the router."""
        return await self.stack.enter_async_context(caller_of(self.address))

    async def _start(self, arguments: Sequence[str]) -> RunningProcess:
        process = await RunningProcess.start(arguments, self.environment)
        self.stack.push_async_callback(process.end)
        return process


@asynccontextmanager
async def deployment(config: Path, environment: Mapping[str, str] | None = None) -> AsyncIterator[Deployment]:
    """Processes that have ended when the block ends, however they fared."""
    async with AsyncExitStack() as stack:
        yield Deployment(config, stack, environment or {})


async def attached(caller: Caller, workers: int, timeout: float = PATIENCE) -> list[admin.WorkerInfo]:
    """The attached workers, once there are that many."""
    listed: list[admin.WorkerInfo] = []
    try:
        async with asyncio.timeout(timeout):
            while len(listed) != workers:
                with suppress(grpc.aio.AioRpcError):  # the router may be just starting
                    listed = list((await caller.admin.ListWorkers(admin.ListWorkersRequest(), timeout=1.0)).workers)
                await asyncio.sleep(0.01)
    except TimeoutError:
        raise AssertionError(f"{len(listed)} workers are attached instead of {workers}") from None
    return listed
