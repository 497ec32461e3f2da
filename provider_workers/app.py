"""The worker's composition root: builds the parts, runs them, ends them in good order."""

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager, nullcontext, suppress
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from random import Random
from typing import TYPE_CHECKING

from opentelemetry import trace

from provider_workers.arguments import ProcessSettings, UsageError, parse
from provider_workers.backends.kinds import create_backend
from provider_workers.backends.locality import locality_of
from provider_workers.backends.proxies import ProxyError
from provider_workers.first_router import a_router_listens
from provider_workers.link.client import Link, RefusedError
from provider_workers.link.resolve import AddressError, split_address
from provider_workers.worker import Worker
from service_common.clock import SystemClock
from service_common.configuration import ConfigurationErrors
from service_common.loops import LOOP_FACTORY, collect_seldom
from service_common.parent import parent_gone
from service_common.trace_endpoint import trace_endpoint
from service_common.vocabulary import Locality, WorkerState

if TYPE_CHECKING:
    from service_common.tracing import Tracing

REFRESH_NEAR = 10.0
REFRESH_REMOTE = 60.0
REFRESH_UNHEALTHY = 3.0

_LOG = logging.getLogger("provider_workers")


def main(arguments: Sequence[str]) -> int:
    """Run a worker until it is told to stop. Returns the exit status: 0 stopped, 1 refused, 2 wrong usage."""
    try:
        settings = parse(arguments, os.environ)
        for router in settings.worker.routers:
            split_address(router)
    except ConfigurationErrors as errors:
        for mistake in errors.mistakes:
            _complain(str(mistake))
        return 2
    except (UsageError, AddressError) as error:
        _complain(str(error))
        return 2
    logging.basicConfig(level=settings.log_level, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    tracing = _tracing(settings)
    try:
        collect_seldom()
        with asyncio.Runner(loop_factory=LOOP_FACTORY) as runner:
            return runner.run(serve(settings, tracing))
    finally:
        if tracing is not None:
            tracing.close()


async def serve(settings: ProcessSettings, tracing: "Tracing | None" = None) -> int:
    """Attach and work until a signal, the parent's end, or a router's final refusal."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    try:
        worker = await _worker(settings)
    except (ValueError, OSError) as error:
        _complain(f"{settings.worker.backend.name}: {error}")
        return 2
    link = Link(worker, _version(), Random())
    async with _metrics(settings, worker, link, tracing):
        return await _serve(settings, worker, link, stop)


async def _serve(settings: ProcessSettings, worker: Worker, link: Link, stop: asyncio.Event) -> int:
    attached = asyncio.create_task(_attach(link, settings.worker.routers), name="link")
    stopped = asyncio.create_task(stop.wait(), name="stop")
    helpers = [asyncio.create_task(_keep_fresh(worker), name="refresh"), stopped]
    if settings.exit_with_parent:
        helpers.append(asyncio.create_task(parent_gone(stop), name="parent"))
    try:
        await asyncio.wait([attached, stopped], return_when=asyncio.FIRST_COMPLETED)
        if attached.done():
            return _refused(attached)
        await link.leave("the worker is stopping", settings.worker.drain_grace)
        return 0
    finally:
        for task in (attached, *helpers):
            task.cancel()
        await asyncio.gather(attached, *helpers, return_exceptions=True)
        await worker.close()


async def _attach(link: Link, routers: Sequence[str]) -> None:
    await a_router_listens(routers)  # where none does, the link says so, and goes on trying
    await link.run()


async def _worker(settings: ProcessSettings) -> Worker:
    backend_settings = settings.worker.backend
    offline = backend_settings.offline
    locality = Locality.REMOTE
    if not backend_settings.missing:
        locality = await locality_of(backend_settings.base_url, offline=offline)
        if offline and locality is Locality.REMOTE:
            where = backend_settings.base_url or "the provider's own address"
            said = f"offline: true, and {where} is neither on this host nor in a private network"
            backend_settings = replace(backend_settings, missing=said)
    if locality is Locality.HOST or offline:
        backend_settings = replace(backend_settings, proxied=False)  # no proxy lies between a host and itself
    clock = SystemClock()
    try:
        backend = create_backend(backend_settings, clock)
    except ProxyError as error:
        backend_settings = replace(backend_settings, missing=str(error), proxied=False)
        backend = create_backend(backend_settings, clock)
    worker = Worker(replace(settings.worker, backend=backend_settings), backend, locality, clock)
    if backend_settings.missing:
        _LOG.warning("%s cannot serve: %s", backend_settings.name, backend_settings.missing)
    await worker.refresh()
    return worker


async def _keep_fresh(worker: Worker) -> None:
    """Ask the provider now and then; an ailing one more often, and at once after an attempt that changed it."""
    ready = REFRESH_REMOTE if worker.locality is Locality.REMOTE else REFRESH_NEAR
    while True:
        interval = ready if worker.state()[0] is WorkerState.READY else REFRESH_UNHEALTHY
        with suppress(TimeoutError):
            async with asyncio.timeout(interval):
                await worker.changed.wait()
        worker.changed.clear()
        await worker.refresh()


def _refused(attached: asyncio.Task[None]) -> int:
    error = attached.exception()
    if not isinstance(error, RefusedError):
        attached.result()
    _complain(str(error))
    return 1


def _metrics(
    settings: ProcessSettings, worker: Worker, link: Link, tracing: "Tracing | None"
) -> AbstractAsyncContextManager[None]:
    if not settings.metrics:
        return nullcontext()
    # Prometheus' library takes 25 ms and 2 MB, which a worker without metrics, as most are, does not pay.
    from provider_workers.metrics import worker_registry  # noqa: PLC0415
    from service_common.metrics_server import metrics_served  # noqa: PLC0415

    registry = worker_registry(worker, link, _version(), None if tracing is None else tracing.spans)
    setting = f"--metrics or backends.{settings.worker.backend.name}.metrics_listen"
    return metrics_served(registry, settings.metrics, setting)


def _tracing(settings: ProcessSettings) -> "Tracing | None":
    endpoint = trace_endpoint(settings.trace_endpoint or None)
    if endpoint is None:
        return None
    # OpenTelemetry's SDK and exporter take 0.1 s and 6 MB, which a worker that sends no spans does not pay.
    from service_common.tracing import configure_tracing  # noqa: PLC0415

    backend = settings.worker.backend.name
    tracing = configure_tracing(
        "trunkline-worker",
        endpoint,
        sample=settings.trace_sample,
        attributes={"service.instance.id": settings.worker.worker_id, "trunkline.backend": backend},
    )
    if tracing is not None:
        trace.set_tracer_provider(tracing.provider)
    return tracing


def _version() -> str:
    try:
        return version("trunkline")
    except PackageNotFoundError:
        return "0"


def _complain(said: str) -> None:
    print(said, file=sys.stderr, flush=True)  # noqa: T201
