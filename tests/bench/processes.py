"""The processes under measurement and those around them, each started as a user would start it."""

import asyncio
import json
import os
import select
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import psutil
import yaml

from tests.support.components import free_ports
from trunkline.router.v1 import router_service_pb2 as pb
from trunkline.router.v1.router_service_pb2_grpc import RouterServiceStub
from trunkline.types.v1 import target_pb2

MODEL = "gpt-4o-mini"
TOKEN = "bench"
READY_TIMEOUT = 30.0
POLL = 0.02
KINDS = {"openai": "openai_wire", "ollama": "ollama", "anthropic": "litellm"}


@dataclass(frozen=True, slots=True)
class Upstream:
    """The simulation: base URLs by provider, and its control port."""

    urls: Mapping[str, str]
    control: str

    def behave(self, **behaviour: Any) -> None:
        """Set how the `openai` provider answers; see docs/simulation.md."""
        url = f"{self.control}/providers/openai/behaviour"
        request = urllib.request.Request(url, json.dumps(behaviour).encode(), method="PUT")
        with urllib.request.urlopen(request, timeout=5):
            pass


@dataclass(frozen=True, slots=True)
class Stack:
    """A router with its workers; all CPU of a stack is that of its processes."""

    name: str
    address: str
    router: psutil.Process
    workers: Mapping[str, psutil.Process]

    def cpu(self) -> tuple[float, float]:
        """Seconds of CPU so far, of all threads: the router's, and its workers' together."""
        return _cpu(self.router), sum(map(_cpu, self.workers.values()))


@contextmanager
def upstream() -> Iterator[Upstream]:
    """A simulation of the three wires in one process."""
    flags = [part for name in KINDS for part in ("--provider", name)]
    with _process(["-m", "provider_workers.simulated", "--json", "--record", "0", *flags]) as process:
        said = json.loads(_first_line(process))
        urls = {name: told["base_url"] for name, told in said["providers"].items()}
        yield Upstream(urls, said["control_url"])


@contextmanager
def sink() -> Iterator[str]:
    """A collector that counts spans; its address for OTLP over gRPC."""
    with _process(["-m", "tests.bench.otlp_sink"]) as process:
        yield _first_line(process).strip()


@contextmanager
def floor(source: Upstream, *, tuned: bool) -> Iterator[Stack]:
    """The floor's two processes; `tuned`: with the router's own transport."""
    how = ["--tuned"] if tuned else []
    with _process(["-m", "tests.bench.floor", "router", *how]) as router:
        address = _first_line(router).strip()
        flags = ["--router", address, "--upstream", source.urls["openai"], "--model", MODEL, *how]
        with _process(["-m", "tests.bench.floor", "worker", *flags]) as worker:
            yield Stack("floor", address, psutil.Process(router.pid), {"openai": psutil.Process(worker.pid)})


@contextmanager
def stack(
    name: str, source: Upstream, folder: Path, tracing: Mapping[str, Any], providers: Sequence[str] = ("openai",)
) -> Iterator[Stack]:
    """A router with one worker for each of `providers`, as a minimal configuration has it."""
    [port] = free_ports(1)
    address = f"127.0.0.1:{port}"
    file = folder / f"{name}.yaml"
    file.write_text(yaml.safe_dump(_configuration(source, tracing, providers)))
    environment = {**os.environ, "TRUNKLINE_WORKER_TOKEN": TOKEN, "BENCH_KEY": "none", "OTEL_METRICS_EXPORTER": "none"}
    flags = ["--config", str(file), "--log-level", "ERROR"]
    with ExitStack() as started:

        def start(*arguments: str) -> "subprocess.Popen[str]":
            return started.enter_context(_process(["-m", *arguments, *flags], environment))

        router = start("router_service", "serve", "--listen", address)
        workers = {
            one: start("provider_workers", "--backend", one, "--router", address, "--worker-id", one)
            for one in providers
        }
        asyncio.run(_until_ready(address, (router, *workers.values())))
        processes = {one: psutil.Process(worker.pid) for one, worker in workers.items()}
        yield Stack(name, address, psutil.Process(router.pid), processes)


def seconds_until_up(source: Upstream, folder: Path) -> float:
    """Seconds from the start of `trunkline up` to its screen, without a litellm worker.

    Raises:
        TimeoutError: it did not come up.
    """
    [port] = free_ports(1)
    file = folder / "up.yaml"
    file.write_text(yaml.safe_dump(_configuration(source, {}, ("openai", "ollama"))))
    environment = {**os.environ, "BENCH_KEY": "none", "OTEL_METRICS_EXPORTER": "none"}
    began = time.monotonic()
    command = ["-m", "trunkline.cli", "up", "--config", str(file), "--listen", f"127.0.0.1:{port}"]
    with _process(command, environment, subprocess.DEVNULL) as up:
        line = ""
        while "is up" not in line:
            line = _first_line(up)
        return time.monotonic() - began


def _configuration(source: Upstream, tracing: Mapping[str, Any], providers: Sequence[str]) -> dict[str, Any]:
    models = {"openai": MODEL, "ollama": "llama3.1", "anthropic": "claude-sonnet-4-5"}
    return {
        "tracing": dict(tracing),
        "backends": {
            name: {
                "kind": KINDS[name],
                "base_url": source.urls[name],
                "api_key": "${BENCH_KEY}",
                "capacity": 256,
                "simulated": True,
            }
            for name in providers
        },
        "models": {f"{name}/{models[name]}": {"quality": 0.7} for name in providers},
    }


async def _until_ready(address: str, processes: Sequence["subprocess.Popen[str]"]) -> None:
    """Wait until as many targets are ready as there are workers; the first process is the router."""
    async with asyncio.timeout(READY_TIMEOUT), grpc.aio.insecure_channel(address) as channel:
        stub = RouterServiceStub(channel)
        ready = 0
        while ready < len(processes) - 1:
            await asyncio.sleep(POLL)
            for process in processes:
                if process.poll() is not None:
                    raise ChildProcessError(f"{process.args!r} ended with status {process.returncode}")
            with suppress(grpc.aio.AioRpcError):  # it does not listen yet
                listed = await stub.ListModels(pb.ListModelsRequest())
                ready = sum(model.state == target_pb2.TARGET_STATE_READY for model in listed.models)


@contextmanager
def _process(
    arguments: Sequence[str], environment: Mapping[str, str] | None = None, stderr: int | None = None
) -> Iterator["subprocess.Popen[str]"]:
    process = subprocess.Popen(
        [sys.executable, *arguments],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
    )
    try:
        yield process
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(5.0)
        if process.poll() is None:
            process.kill()
            process.wait()
        assert process.stdout is not None
        process.stdout.close()


def _first_line(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    ready, _, _ = select.select([process.stdout], [], [], READY_TIMEOUT)
    line = process.stdout.readline() if ready else ""
    if not line:
        raise TimeoutError(f"{process.args!r} said nothing within {READY_TIMEOUT:g} s")
    return line


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def resident(process: psutil.Process) -> int:
    """Bytes of memory that a process holds."""
    return int(process.memory_info().rss)
