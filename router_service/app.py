"""The router as a process: starts its parts, serves, and ends them in good order."""

import asyncio
import logging
import os
import signal
import socket
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from router_service.background import keep_running
from router_service.config.running import Sources
from router_service.config.store import ConfigurationStore
from router_service.contracts.recording import Recorder
from router_service.plugins.discovery import installed_plugins
from router_service.recording.address import database_url
from router_service.recording.database import Database
from router_service.recording.untraced import UntracedRecorder
from router_service.router import SERVICES, Router
from router_service.server.grpc_server import Lifecycle, listen, new_server
from router_service.server.worker_servicer import RouterIdentity
from router_service.state.token_counter import TokenCounter
from service_common.clock import SystemClock
from service_common.configuration.metrics import metrics_address
from service_common.configuration.schema import RouterSection, TracingSection
from service_common.facts import FactsTable
from service_common.loops import LOOP_FACTORY, collect_seldom
from service_common.metrics_server import metrics_served
from service_common.parent import parent_gone
from service_common.trace_endpoint import trace_endpoint

if TYPE_CHECKING:
    from service_common.tracing import Tracing

METRICS_SETTING = "metrics.listen or OTEL_EXPORTER_PROMETHEUS_PORT"

log = logging.getLogger("router_service")


@dataclass(frozen=True, slots=True)
class ServeOptions:
    """How to run the router.

    Attributes:
        config: the configuration file.
        listen: overrides the configuration's address; empty: as configured.
        exit_with_parent: leave when standard input is closed.
    """

    config: Path
    listen: str = ""
    exit_with_parent: bool = False


def run(options: ServeOptions) -> int:
    """Serve until a signal, or the parent's end. Returns the exit status.

    Raises:
        ConfigurationErrors: the configuration cannot be used.
        PortInUse: the address cannot be had.
        ValueError: there is no worker token.
    """
    with asyncio.Runner(loop_factory=LOOP_FACTORY) as runner:
        return runner.run(_serve(options, os.environ))


async def _serve(options: ServeOptions, environment: Mapping[str, str]) -> int:
    counter = TokenCounter()
    sources = Sources(options.config, environment, installed_plugins(), FactsTable.load(), SystemClock(), counter)
    store = ConfigurationStore(sources)
    tracing = _tracing(store.current.configuration.tracing, environment)
    collect_seldom()  # once all is loaded: the exporter, too, and the table of facts
    try:
        await _run(options, store, sources, tracing)
    finally:
        if tracing is not None:
            await asyncio.to_thread(tracing.close)
    return 0


async def _run(options: ServeOptions, store: ConfigurationStore, sources: Sources, tracing: "Tracing | None") -> None:
    environment = sources.environment
    settings = store.current.configuration.router
    recorder = _recorder(tracing, content=store.current.configuration.tracing.content)
    router = _router(store, sources)
    if tracing is not None:
        router.metrics.register(tracing.spans)
    metrics = metrics_address(store.current.configuration.metrics.listen, environment)
    server = new_server(settings.max_message)
    identity = RouterIdentity(f"{socket.gethostname()}-{os.getpid()}", version("trunkline"), _token(settings, sources))
    boundary = router.add_services(server, recorder, identity)
    lifecycle = Lifecycle(server, SERVICES, boundary)
    address = options.listen or settings.listen
    port = listen(server, address)
    stop = _stop_on_signals()
    async with metrics_served(router.metrics, metrics, METRICS_SETTING), asyncio.TaskGroup() as tasks:
        watching = keep_running("the watch of the configuration", store.watch)
        background = [tasks.create_task(router.run()), tasks.create_task(watching)]
        if options.exit_with_parent:
            background.append(tasks.create_task(parent_gone(stop)))
        await router.prepare()
        await lifecycle.start()
        background.append(tasks.create_task(_admit(router, lifecycle, settings.attach_wait)))
        log.info("serving on %s:%d", address.rpartition(":")[0], port)
        await stop.wait()
        log.info("stopping: %d calls in progress", boundary.active)
        await lifecycle.stop(settings.lame_duck, settings.drain_grace, router.link.close)
        await router.close()
        for task in background:
            task.cancel()


def _router(store: ConfigurationStore, sources: Sources) -> Router:
    configuration = store.current.configuration
    redis = configuration.shared.address(sources.path, sources.environment)
    url = database_url(configuration.router, sources.path, sources.environment)
    return Router(store, sources, redis, url and Database(url))


def _token(settings: RouterSection, sources: Sources) -> str:
    token = settings.token(sources.path, sources.environment)
    if not token:
        raise ValueError(f"the router needs a token that workers show: set {settings.token_variable}")
    return token


async def _admit(router: Router, lifecycle: Lifecycle, patience: float) -> None:
    """Take calls once they can be answered: a router that has just started has no workers yet, its neighbours have."""
    await router.staffed(patience)
    await lifecycle.admit()


def _tracing(section: TracingSection, environment: Mapping[str, str]) -> "Tracing | None":
    endpoint = trace_endpoint(section.endpoint, environment)
    if endpoint is None:
        return None
    # OpenTelemetry's SDK and exporter take 60 ms and 4 MB, which a router that sends no spans does not pay.
    from service_common.tracing import configure_tracing  # noqa: PLC0415

    return configure_tracing("trunkline-router", endpoint, sample=section.sample)


def _recorder(tracing: "Tracing | None", *, content: bool) -> Recorder:
    if tracing is None:
        return UntracedRecorder()
    from router_service.recording.spans import TraceRecorder  # noqa: PLC0415 # as above

    return TraceRecorder(tracing.provider, content=content)


def _stop_on_signals() -> asyncio.Event:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        with suppress(NotImplementedError):
            loop.add_signal_handler(number, stop.set)
    return stop


def configure_logging(level: str) -> None:
    """Lines on standard error: time, level, message."""
    logging.basicConfig(level=level, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
