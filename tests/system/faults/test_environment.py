"""What goes wrong around the processes: clocks, disks, collectors. No request fails or waits because of it."""

import asyncio
import os
import resource
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, closing
from datetime import datetime, timedelta
from pathlib import Path

import grpc
import pytest

from provider_workers.simulated import SimulatedProviders
from service_common.clock import SystemClock
from tests.support.caller import Caller, ask, caller_of, failure_of
from tests.support.command_line import clean_environment
from tests.support.components import free_ports
from tests.support.configurations import FIRST, SECOND, configuration, write_configuration
from tests.support.fault_lab import Lab
from tests.support.router_harness import running_router
from tests.support.router_process import ROOT, TOKEN, Deployment, attached, deployment
from trunkline.admin.v1 import admin_service_pb2 as admin
from trunkline.types.v1.target_pb2 import TARGET_STATE_READY

CALLS = 40


class JumpingClock(SystemClock):
    """The machine's clock, whose date somebody sets."""

    def __init__(self) -> None:
        """Begin right."""
        self.off = timedelta()

    def wall(self) -> datetime:
        """The date and time, as wrong as it was set."""
        return super().wall() + self.off


async def keep_calling(caller: Caller, calls: int = CALLS) -> float:
    """Calls, some at once, that must all be answered by the first target; the longest time that one took."""
    longest = 0.0
    for _ in range(calls // 10):
        began = time.monotonic()
        for answer in await asyncio.gather(*(caller.complete(ask(), timeout=10) for _ in range(10))):
            assert (answer.completed.target, len(answer.completed.attempts)) == (FIRST.name, 1)
        longest = max(longest, time.monotonic() - began)
    return longest


async def test_the_clock_jumps(simulated: SimulatedProviders, tmp_path: Path) -> None:
    """An hour ahead, a day back, in the middle of answers: deadlines, heartbeats and circuits go by another clock."""
    clock = JumpingClock()
    config = write_configuration(tmp_path, configuration((FIRST, SECOND), simulated))
    async with running_router(config, clock=clock) as (router, caller):
        lab = Lab(FIRST, simulated, router, caller)
        lab.strike(tokens_per_second=100, answer_tokens=40)
        streams = [asyncio.create_task(caller.stream(ask())) for _ in range(5)]
        for jump in (timedelta(hours=1), timedelta(days=-1), timedelta(0)):
            await asyncio.sleep(0.1)
            clock.off = jump
            assert await keep_calling(caller, 20) < 5.0
            assert (await caller.row(FIRST.name)).state == TARGET_STATE_READY
        for told in await asyncio.gather(*streams):
            assert (told.completed.target, len(told.completed.attempts)) == (FIRST.name, 1)


@pytest.fixture
async def running(simulated: SimulatedProviders, tmp_path: Path) -> AsyncIterator[Deployment]:
    """A router over two targets, without workers yet."""
    config = write_configuration(tmp_path, configuration((FIRST, SECOND), simulated))
    async with deployment(config) as processes:
        yield processes


async def test_a_full_disk_under_the_database(running: Deployment) -> None:
    """Calls are answered as before; what was to be kept is refused with the reason, and the log says it once."""
    router = await running.router()
    await running.worker("openai")
    caller = await running.caller()
    usual = await keep_calling(caller)
    resource.prlimit(router.process.pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
    change = admin.SetTargetStateRequest(target=SECOND.name, state=admin.DESIRED_STATE_DISABLED, persist=True)
    refused = await failure_of(caller.admin.SetTargetState(change, timeout=10))
    assert refused.code is grpc.StatusCode.UNAVAILABLE
    assert refused.message
    assert await keep_calling(caller) < usual + 2.0
    assert sum("database" in line for line in router.lines) == 1
    assert "Traceback" not in router.log
    router.send(signal.SIGTERM)
    assert await router.ended() == 0


async def on_a_full_disk(stack: AsyncExitStack, arguments: Sequence[str]) -> asyncio.subprocess.Process:
    """A process whose every line of log fails: its standard error is a full disk."""
    path = f"{ROOT}:{ROOT / 'clients' / 'python'}"
    full = os.open("/dev/full", os.O_WRONLY)
    try:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            *arguments,
            cwd=ROOT,
            env=clean_environment({"TRUNKLINE_WORKER_TOKEN": TOKEN, "PYTHONPATH": path}),
            stdin=asyncio.subprocess.DEVNULL,
            stderr=full,
        )
    finally:
        os.close(full)
    stack.push_async_callback(process.wait)
    stack.callback(lambda: process.kill() if process.returncode is None else None)
    return process


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="/dev/full stands for a full disk, which only Linux has")
async def test_a_full_disk_under_the_logs(simulated: SimulatedProviders, tmp_path: Path) -> None:
    """Router and worker serve although none of their lines can be written, and end in good order."""
    config = write_configuration(tmp_path, configuration((FIRST,), simulated))
    [port] = free_ports(1)
    address = f"127.0.0.1:{port}"
    async with AsyncExitStack() as stack:
        serve = ["router_service", "serve", "--config", str(config), "--listen", address]
        router = await on_a_full_disk(stack, serve)
        serve = ["provider_workers", "--config", str(config), "--backend", "openai", "--router", address]
        worker = await on_a_full_disk(stack, [*serve, "--worker-id", "one"])
        caller = await stack.enter_async_context(caller_of(address))
        await attached(caller, 1, timeout=30)
        await keep_calling(caller)
        worker.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(worker.wait(), 15) == 0
        router.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(router.wait(), 15) == 0


@pytest.mark.parametrize("collector", ["down", "silent"])
async def test_a_collector_that_is_down(simulated: SimulatedProviders, tmp_path: Path, collector: str) -> None:
    """Spans are dropped: calls are as quick as ever, each process says so in one line and ends when it is told to."""
    config = write_configuration(tmp_path, configuration((FIRST,), simulated))
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        port = listener.getsockname()[1] if collector == "silent" else free_ports(1)[0]
        environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{port}"}
        async with deployment(config, environment) as processes:
            router = await processes.router()
            worker = await processes.worker("openai")
            caller = await processes.caller()
            began = time.monotonic()
            while time.monotonic() - began < 7.0:  # longer than an export may take
                assert await keep_calling(caller, 10) < 3.0
                await asyncio.sleep(0.2)
            for process in (worker, router):
                assert sum("Traces cannot be sent" in line for line in process.lines) == 1
                process.send(signal.SIGTERM)
                assert await process.ended(20) == 0
                assert "Traceback" not in process.log
