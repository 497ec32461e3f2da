"""The router's composition root: builds the parts, runs them, ends them in good order."""

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
from random import Random
from typing import TYPE_CHECKING

import grpc

from router_service.calls.completion import Calls
from router_service.calls.drill import Drills
from router_service.calls.errands import Errands
from router_service.calls.idempotency import IdempotencySettings, IdempotentCalls
from router_service.calls.pulling import Pulls
from router_service.calls.upkeep import Upkeep, UpkeepSettings
from router_service.calls.waiting import WaitingRoom, WaitingSettings
from router_service.config.administration import Administration
from router_service.config.store import ConfigurationStore, Running, Sources
from router_service.contracts.engine import Engine
from router_service.contracts.recording import Recorder
from router_service.dispatch.hedging import HedgeBudgets
from router_service.dispatch.link import LinkSettings, WorkerLink
from router_service.dispatch.registry import AttemptRegistry
from router_service.dispatch.sessions import SessionDirectory
from router_service.engine.engine import RoutingEngine
from router_service.metrics.surroundings import DatabaseCollector, ProcessCollector, RedisCollector, WorkerCollector
from router_service.metrics.targets import TargetCollector
from router_service.metrics.traffic import CallCollector, DispatchCollector, DrillCollector
from router_service.plugins.discovery import installed_plugins
from router_service.plugins.registry import PluginRegistry
from router_service.recording.address import database_url
from router_service.recording.clock_watch import ClockWatch
from router_service.recording.database import Database
from router_service.recording.journal import DatabaseJournal
from router_service.recording.measurements import MeasurementKeeper
from router_service.recording.outages import OutageLog
from router_service.recording.spans import TraceRecorder
from router_service.recording.tallies import AttemptTally, CallTally
from router_service.recording.untraced import UntracedRecorder
from router_service.server.admin_errands import ErrandServicer
from router_service.server.admin_servicer import SERVICE as ADMIN_SERVICE
from router_service.server.admin_servicer import AdminServicer, admin_handlers
from router_service.server.grpc_server import Lifecycle, listen, new_server
from router_service.server.handling import CallBoundary
from router_service.server.requests import probe_prompt
from router_service.server.router_servicer import SERVICE as ROUTER_SERVICE
from router_service.server.router_servicer import RouterServicer, router_handlers
from router_service.server.worker_servicer import RouterIdentity, WorkerServicer
from router_service.state.answers import RecentAnswers
from router_service.state.circuit import CircuitSettings
from router_service.state.cursors import Cursors
from router_service.state.limits import LimitBook
from router_service.state.shared_limits import SharingSettings
from router_service.state.table import Table, TableSettings
from router_service.state.token_counter import TokenCounter
from service_common.clock import Clock, SystemClock
from service_common.configuration.metrics import metrics_address
from service_common.configuration.schema import TracingSection
from service_common.facts import FactsTable
from service_common.families import Registry
from service_common.loops import LOOP_FACTORY, collect_seldom
from service_common.metrics import metrics_served
from service_common.parent import parent_gone
from service_common.tracing import Tracing, configure_tracing, trace_endpoint
from trunkline.worker.v1 import worker_service_pb2, worker_service_pb2_grpc

if TYPE_CHECKING:
    from router_service.state.redis import RedisSharing

TOKEN_VARIABLE = "TRUNKLINE_WORKER_TOKEN"
SERVICES = (
    ROUTER_SERVICE,
    ADMIN_SERVICE,
    worker_service_pb2.DESCRIPTOR.services_by_name["WorkerService"].full_name,
)

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


class EngineHolder:
    """The engine of the configuration in force, made anew with each one."""

    def __init__(self, plugins: PluginRegistry, clock: Clock, counter: TokenCounter, running: Running) -> None:
        """Build the first engine."""
        self._plugins = plugins
        self._clock = clock
        self._counter = counter
        self._random = Random()
        self._engine = self._build(running)

    def current(self) -> Engine:
        """The engine for a call that begins now."""
        return self._engine

    def follow(self, running: Running) -> None:
        """Take another configuration."""
        self._engine = self._build(running)

    def _build(self, running: Running) -> RoutingEngine:
        return RoutingEngine(running.catalogue, self._plugins, self._clock, lambda: self._random, self._counter)


class Router:
    """The parts of one router process.

    Attributes:
        metrics: what Prometheus is shown.
    """

    def __init__(
        self,
        store: ConfigurationStore,
        plugins: PluginRegistry,
        facts: FactsTable,
        clock: Clock,
        redis: str = "",
        database: Database | None = None,
    ) -> None:
        """Build everything that neither listens nor waits yet.

        `redis`: address of what replicas share, if anything; `database`: None: nothing outlives the process.
        """
        self.store = store
        running = store.current
        # Replicas that share counts must agree on the minute; a single one goes by a clock that never jumps.
        book = LimitBook((lambda: clock.wall().timestamp()) if redis else clock.now)
        self.sharing = _sharing(redis, running, book) if redis else None
        counter = TokenCounter()
        self._sessions = sessions = SessionDirectory()
        self._engines = EngineHolder(plugins, clock, counter, running)
        self._clock = clock
        self.table = Table(running.catalogue, facts, clock, _table_settings(running), book)
        answers = RecentAnswers(self.table.report_quality)
        self.room = WaitingRoom(clock, self._free_slots, _waiting(running))
        self.hedges = HedgeBudgets()
        self._tally = AttemptTally()
        observers = (counter, answers, self.room, self._tally, OutageLog())
        registry = AttemptRegistry(clock, sessions, self.table, observers)
        interval = running.configuration.router.heartbeat_interval
        self.link = WorkerLink(clock, sessions, registry, self.table, LinkSettings(heartbeat_interval=interval))
        self.calls = Calls(
            engine=self._engines.current,
            table=self.table,
            cursors=Cursors(),
            dispatcher=registry,
            estimator=counter,
            judgements=answers,
            room=self.room,
            hedges=self.hedges,
            clock=clock,
            random=Random(),
        )
        self.repeats = IdempotentCalls(
            self.calls.stream, clock, _idempotency(running), self.sharing.answers if self.sharing else None
        )
        self._database = database
        journal = self._keeper = None
        if database is not None:
            journal = DatabaseJournal(database, clock)
            self._keeper = MeasurementKeeper(database, {"target": self.table, "tokens": counter}, clock)
        self.administration = Administration(store, self.table, journal)
        self.errands = Errands(registry, clock)
        self._upkeep = Upkeep(self.errands, self.table, clock, Random(), _upkeep(running))
        self._clock_watch = ClockWatch(clock)
        self.metrics = self._registry()
        store.subscribe(lambda changed: self._upkeep.follow(_upkeep(changed)))
        store.subscribe(self._engines.follow)
        store.subscribe(lambda changed: self.table.apply_catalogue(changed.catalogue))
        store.subscribe(lambda changed: self.table.follow(_table_settings(changed)))
        store.subscribe(lambda changed: self.room.follow(_waiting(changed)))

    async def prepare(self) -> None:
        """Take over what was kept, before the first call; without it where the database cannot be used now."""
        await self.administration.catch_up()
        if self._keeper is not None:
            await self._keeper.restore()

    async def run(self) -> None:
        """What goes on beside the calls, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.link.run())
            tasks.create_task(self._upkeep.run())
            tasks.create_task(self._clock_watch.run())
            if self._keeper is not None:
                tasks.create_task(self._keeper.run())
                tasks.create_task(self.administration.run())
            if self.sharing is not None:
                tasks.create_task(self.sharing.run())

    async def staffed(self, timeout: float) -> None:
        """Wait until every backend in use has a worker attached, `timeout` seconds at most."""
        with self.table.watch() as changes, suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                while missing := self._without_worker():
                    await changes.wait()
                return
        log.info("calls are taken although no worker is attached of: %s", ", ".join(missing))

    def _without_worker(self) -> list[str]:
        attached = {session.hello.backend for session in self._sessions}
        backends = self.store.current.catalogue.backends
        return [name for name, backend in backends.items() if backend.enabled and name not in attached]

    async def close(self) -> None:
        """End the calls that outlived their callers, save what was measured, and let go of database and Redis."""
        await self.repeats.close()
        if self._keeper is not None:
            await self._keeper.save()
        if self._database is not None:
            await self._database.close()
        if self.sharing is not None:
            await self.sharing.close()

    def _free_slots(self, target: str) -> float:
        return min(self.table.free_slots(target), self._sessions.free_slots(target))

    def _registry(self) -> Registry:
        registry = Registry()
        registry.register(ProcessCollector(version("trunkline"), self.store, self._clock_watch))
        registry.register(TargetCollector(self.table, self._tally))
        registry.register(DispatchCollector(self._tally, self.hedges, self.room, self.repeats))
        registry.register(WorkerCollector(self.link, self.store))
        if self._database is not None and self._keeper is not None:
            registry.register(DatabaseCollector(self._database, self._keeper))
        if self.sharing is not None:
            registry.register(RedisCollector(self.sharing.limits, self.sharing.answers))
        return registry

    def add_services(self, server: grpc.aio.Server, recorder: Recorder, identity: RouterIdentity) -> CallBoundary:
        """Register the three services; the boundary counts the calls in progress."""
        boundary = CallBoundary(recorder, CallTally(self._clock))
        drills = Drills(self.calls, recorder, self._clock)
        self.metrics.register(CallCollector(boundary))
        self.metrics.register(DrillCollector(drills))
        pulls = Pulls(self.errands, self._engines.current, self.table)
        admin = AdminServicer(self.table, self._sessions, self.administration, boundary, drills, self._clock)
        server.add_generic_rpc_handlers(
            (
                router_handlers(RouterServicer(self.calls, self.repeats, boundary)),
                admin_handlers(admin, ErrandServicer(drills, pulls, boundary)),
            )
        )
        worker_service_pb2_grpc.add_WorkerServiceServicer_to_server(
            WorkerServicer(self.link, self._clock, identity), server
        )
        return boundary


def run(options: ServeOptions) -> int:
    """Serve until a signal, or the parent's end. Returns the exit status.

    Raises:
        ConfigurationErrors: the configuration cannot be used.
        PortInUse: the address cannot be had.
        ValueError: there is no worker token.
    """
    collect_seldom()
    with asyncio.Runner(loop_factory=LOOP_FACTORY) as runner:
        return runner.run(_serve(options, os.environ))


async def _serve(options: ServeOptions, environment: Mapping[str, str]) -> int:
    clock = SystemClock()
    plugins = installed_plugins()
    facts = FactsTable.load()
    store = ConfigurationStore(Sources(options.config, environment, plugins, facts, clock))
    settings = store.current.configuration.router
    tracing = _tracing(store.current.configuration.tracing, environment)
    content = store.current.configuration.tracing.content
    recorder = UntracedRecorder() if tracing is None else TraceRecorder(tracing.provider, content=content)
    redis = store.current.configuration.shared.address(options.config, environment)
    url = database_url(settings, options.config, environment)
    router = Router(store, plugins, facts, clock, redis, url and Database(url))
    if tracing is not None:
        router.metrics.register(tracing.spans)
    metrics = metrics_address(store.current.configuration.metrics.listen, environment)
    server = new_server(settings.max_message)
    identity = RouterIdentity(
        f"{socket.gethostname()}-{os.getpid()}", version("trunkline"), environment.get(TOKEN_VARIABLE, "")
    )
    boundary = router.add_services(server, recorder, identity)
    lifecycle = Lifecycle(server, SERVICES, boundary)
    address = options.listen or settings.listen
    port = listen(server, address)
    stop = _stop_on_signals()
    async with metrics_served(router.metrics, metrics, METRICS_SETTING), asyncio.TaskGroup() as tasks:
        background = [tasks.create_task(router.run()), tasks.create_task(store.watch())]
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
    if tracing is not None:
        await asyncio.to_thread(tracing.provider.shutdown)
    return 0


async def _admit(router: Router, lifecycle: Lifecycle, patience: float) -> None:
    """Take calls once they can be answered: a router that has just started has no workers yet, its neighbours have."""
    await router.staffed(patience)
    await lifecycle.admit()


def _table_settings(running: Running) -> TableSettings:
    section = running.configuration.circuit
    circuit = CircuitSettings(
        section.failures_in_row, section.window, section.failure_share, section.open_for, section.open_for_max
    )
    return TableSettings(circuit, section.default_cooldown)


def _upkeep(running: Running) -> UpkeepSettings:
    section = running.configuration.probes
    warm_up = {name: backend.warm_up for name, backend in running.catalogue.backends.items()}
    return UpkeepSettings(section.interval, section.timeout, section.paid, probe_prompt(), warm_up)


def _waiting(running: Running) -> WaitingSettings:
    section = running.configuration.waiting
    return WaitingSettings(section.length, section.queue_timeout)


def _idempotency(running: Running) -> IdempotencySettings:
    section = running.configuration.idempotency
    return IdempotencySettings(section.ttl, section.grace, section.entries, section.memory)


def _sharing(address: str, running: Running, book: LimitBook) -> "RedisSharing":
    section = running.configuration.shared
    # Redis's libraries take 0.2 s to import, which a router that is alone does not pay.
    try:
        from router_service.state.redis import RedisSharing  # noqa: PLC0415
    except ImportError as error:
        raise ValueError(f"shared.redis needs more packages ({error}): pip install 'trunkline[redis]'") from error
    return RedisSharing(address, SharingSettings(section.refresh, section.timeout, section.prefix), book)


def _tracing(section: TracingSection, environment: Mapping[str, str]) -> Tracing | None:
    endpoint = trace_endpoint(section.endpoint, environment)
    return configure_tracing("trunkline-router", endpoint, sample=section.sample)


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
