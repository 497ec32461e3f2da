"""A whole router and its workers in the test's own event loop, over real gRPC and real sockets."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from random import Random

from provider_workers.arguments import parse
from provider_workers.backends.kinds import create_backend
from provider_workers.backends.locality import locality_of
from provider_workers.link.client import Link
from provider_workers.worker import Worker
from router_service.config.running import Sources
from router_service.config.store import ConfigurationStore
from router_service.plugins.builtin import built_in_plugins
from router_service.recording.address import database_url
from router_service.recording.database import Database
from router_service.recording.untraced import UntracedRecorder
from router_service.router import SERVICES, Router
from router_service.server.grpc_server import Lifecycle, listen, new_server
from router_service.server.handling import CallBoundary
from router_service.server.worker_servicer import RouterIdentity
from router_service.state.token_counter import TokenCounter
from service_common.clock import Clock, SystemClock
from service_common.configuration.database import NO_DATABASE
from service_common.facts import FactsTable
from tests.support.caller import Caller, caller_of

TOKEN = "a-worker-token"
KEY = {"SIMULATED_API_KEY": "sk-simulated-1234567890"}
"""For backends whose library insists on a key."""

PATIENCE = 10.0


class RunningRouter:
    """A router that serves, and the workers that are attached to it."""

    def __init__(self, config: Path, database: str = NO_DATABASE, clock: Clock | None = None) -> None:
        """Build what `python -m router_service serve` builds; `start` serves. `clock`: of router and workers."""
        self.clock = clock = clock or SystemClock()
        facts, plugins, counter = FactsTable.load(), built_in_plugins(), TokenCounter()
        self.config = config
        sources = Sources(config, {"TRUNKLINE_WORKER_TOKEN": TOKEN}, plugins, facts, clock, counter)
        self.store = ConfigurationStore(sources)
        redis = self.store.current.configuration.shared.redis
        settings = self.store.current.configuration.router
        url = database_url(settings.model_copy(update={"database": database}), config, {})
        self.router = Router(self.store, sources, redis, url and Database(url))
        self._server = new_server(settings.max_message)
        identity = RouterIdentity("test-router", "0", TOKEN)
        self.boundary: CallBoundary = self.router.add_services(self._server, UntracedRecorder(), identity)
        self.lifecycle = Lifecycle(self._server, SERVICES, self.boundary)
        self.address = f"127.0.0.1:{listen(self._server, '127.0.0.1:0')}"
        self._tasks: list[asyncio.Task[None]] = []
        self.workers: dict[str, Worker] = {}

    async def start(self) -> None:
        """Serve."""
        await self.router.prepare()
        self._tasks.append(asyncio.create_task(self.router.run()))
        await self.lifecycle.start()
        await self.lifecycle.admit()

    async def stop(self, lame_duck: float = 0.0, grace: float = 1.0) -> None:
        """Stop in good order."""
        await self.lifecycle.stop(lame_duck, grace, self.router.link.close)
        await self.router.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def in_flight(self) -> int:
        """Attempts that have not settled."""
        return sum(session.in_flight for session in self.router.link.sessions)

    @asynccontextmanager
    async def worker(self, backend: str, worker_id: str = "") -> AsyncIterator[Worker]:
        """A worker of that backend, attached."""
        arguments = ["--config", str(self.config), "--backend", backend, "--router", self.address]
        arguments += ["--worker-id", worker_id or f"{backend}-1"]
        settings = parse(arguments, {"TRUNKLINE_WORKER_TOKEN": TOKEN, **KEY}).worker
        clock = self.clock
        locality = await locality_of(settings.backend.base_url)
        worker = Worker(settings, create_backend(settings.backend, clock), locality, clock)
        await worker.refresh()
        link = Link(worker, "0", Random(1))
        running = asyncio.create_task(link.run())
        try:
            await until(lambda: link.attached == 1, f"the worker {settings.worker_id} to attach")
            yield worker
        finally:
            await link.leave("the test is over", 0.0)
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            await worker.close()


@asynccontextmanager
async def running_router(
    config: Path, *, workers: bool = True, database: str = NO_DATABASE, clock: Clock | None = None
) -> AsyncIterator[tuple[RunningRouter, Caller]]:
    """A router with one worker for each backend of `config`, and a caller of it."""
    router = RunningRouter(config, database, clock)
    await router.start()
    try:
        async with AsyncExitStack() as stack:
            if workers:
                names = tuple(router.store.current.configuration.backends)
                attaching = (stack.enter_async_context(router.worker(name)) for name in names)
                for name, entered in zip(names, attaching, strict=True):
                    router.workers[name] = await entered
            yield router, await stack.enter_async_context(caller_of(router.address))
    finally:
        await router.stop()


async def until(true: Callable[[], bool], what: str, timeout: float = PATIENCE) -> None:
    """Wait until `true()`.

    Raises:
        AssertionError: it took longer than `timeout` seconds; names `what` was waited for.
    """
    try:
        async with asyncio.timeout(timeout):
            while not true():  # noqa: ASYNC110 - what is waited for has no event
                await asyncio.sleep(0.005)
    except TimeoutError:
        raise AssertionError(f"waited {timeout:g} s in vain for {what}") from None
