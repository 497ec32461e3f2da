"""Metrics of real processes, read over HTTP as Prometheus does, while what the router depends on is lost."""

import asyncio
import resource
import signal
import time
from pathlib import Path

from provider_workers.simulated import Fault, SimulatedProviders
from provider_workers.simulated.behaviour import Behaviour
from tests.support.caller import ask, failure_of
from tests.support.components import free_ports
from tests.support.configurations import FIRST, SECOND, Target, configuration, write_configuration
from tests.support.metrics import PAGE, SERVED, Scrape, scrape
from tests.support.router_process import RunningProcess, deployment
from trunkline.admin.v1 import admin_service_pb2 as admin

PATIENCE = 20.0
OBSERVED = Target(FIRST.backend, FIRST.model, section={"metrics_listen": "127.0.0.1:0"})


async def shows(process: RunningProcess, name: str, /, least: float = 1, **labels: str) -> Scrape:
    """A scrape in which the sample is at least so much, waited for."""
    end = time.monotonic() + PATIENCE
    while True:
        found = await scrape(process)
        value = found.get(name, **labels)
        if value is not None and value >= least:
            return found
        assert time.monotonic() < end, f"{name} {labels} stays at {value}"
        await asyncio.sleep(0.1)


async def test_losses_around_a_router(simulated: SimulatedProviders, tmp_path: Path) -> None:
    """A refused key, a collector that is down, a full disk: calls are answered, a metric and one line tell of each."""
    config = write_configuration(tmp_path, configuration((OBSERVED, SECOND), simulated))
    collector = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{free_ports(1)[0]}"}
    async with deployment(config, {**SERVED, **collector}) as processes:
        router = await processes.router()
        workers = [await processes.worker(target.backend) for target in (FIRST, SECOND)]
        caller = await processes.caller()
        assert (await caller.complete(ask())).completed.target == FIRST.name

        simulated.set_behaviour(FIRST.backend, Behaviour(faults=(Fault("401"),)))
        assert (await caller.complete(ask())).completed.target == SECOND.name
        shown = await scrape(router)
        assert shown.value("target_out", target=FIRST.name, reason="auth") == 1
        assert shown.value("attempts_total", target=FIRST.name, outcome="auth") == 1
        assert shown.value("calls_total", method="Complete", code="OK") == 2

        resource.prlimit(router.process.pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
        change = admin.SetTargetStateRequest(target=SECOND.name, state=admin.DESIRED_STATE_ENABLED, persist=True)
        await failure_of(caller.admin.SetTargetState(change, timeout=10))
        shown = await scrape(router)
        assert shown.value("database_up") == 0
        assert shown.value("database_failures_total") >= 1

        assert (await caller.complete(ask())).completed.target == SECOND.name
        await shows(router, "spans_total", outcome="failed")
        own = await shows(workers[0], "spans_total", outcome="failed")
        assert own.value("worker_attempts_total", backend="openai", operation="complete", outcome="success") == 1
        assert own.value("worker_attempts_total", backend="openai", operation="complete", outcome="auth") == 1
        assert own.value("worker_routers_attached", backend="openai") == 1
        assert own.value("worker_in_flight", backend="openai") == 0

        for said in (" is out", "database", "Traces cannot be sent"):
            assert sum(said in line for line in router.lines) == 1, router.log
        for process in (*workers, router):
            process.send(signal.SIGTERM)
            assert await process.ended() == 0


async def test_two_routers_that_want_one_port(simulated: SimulatedProviders, tmp_path: Path) -> None:
    """The second says that it is taken, and serves without; with a client that reads for ever the first ends all the
    same."""
    [port] = free_ports(1)
    content = configuration((FIRST,), simulated, metrics={"listen": f"127.0.0.1:{port}"})
    async with deployment(write_configuration(tmp_path, content)) as processes:
        first = await processes.router()
        page = (await first.said(PAGE))[1]
        assert page == f"http://127.0.0.1:{port}/metrics"
        second = await processes.router()
        [line] = [line for line in second.lines if "metrics" in line]
        assert "WARNING" in line
        assert f"127.0.0.1:{port} is taken" in line
        worker = await processes.worker(FIRST.backend)
        assert (await (await processes.caller()).complete(ask())).completed.target == FIRST.name

        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /metrics HTTP/1.1\r\nHost: x\r\n")  # and never the rest
        for process in (first, worker, second):
            process.send(signal.SIGTERM)
            assert await process.ended() == 0
        assert await reader.read() == b""
        writer.close()


async def test_metrics_can_be_off(simulated: SimulatedProviders, tmp_path: Path) -> None:
    """A router whose file says so listens for its callers alone, and says nothing of metrics."""
    content = configuration((FIRST,), simulated, metrics={"listen": "off"})
    async with deployment(write_configuration(tmp_path, content), SERVED) as processes:
        router = await processes.router()
        assert "metrics" not in router.log
