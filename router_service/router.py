"""The parts of one router process, built and joined: the composition root."""

import asyncio
import logging
from contextlib import suppress
from importlib.metadata import version
from random import Random

import grpc

from router_service.background import keep_running
from router_service.calls.completion import Calls
from router_service.calls.drill import Drills
from router_service.calls.errands import Errands
from router_service.calls.idempotency import IdempotentCalls
from router_service.calls.pulling import Pulls
from router_service.calls.upkeep import Upkeep
from router_service.calls.waiting import WaitingRoom
from router_service.config.administration import Administration
from router_service.config.running import Running, Sources
from router_service.config.store import ConfigurationStore
from router_service.contracts.engine import Engine
from router_service.contracts.keeping import Measured
from router_service.contracts.recording import Recorder
from router_service.dispatch.hedging import HedgeBudgets
from router_service.dispatch.link import LinkSettings, WorkerLink
from router_service.dispatch.registry import AttemptRegistry
from router_service.dispatch.sessions import SessionDirectory
from router_service.metrics.surroundings import DatabaseCollector, ProcessCollector, RedisCollector, WorkerCollector
from router_service.metrics.targets import TargetCollector
from router_service.metrics.traffic import CallCollector, DispatchCollector, DrillCollector
from router_service.part_settings import (
    idempotency_settings,
    sharing,
    table_settings,
    upkeep_settings,
    waiting_settings,
)
from router_service.recording.clock_watch import ClockWatch
from router_service.recording.database import Database
from router_service.recording.journal import DatabaseJournal
from router_service.recording.measurements import MeasurementKeeper
from router_service.recording.outages import OutageLog
from router_service.recording.tallies import AttemptTally, CallTally
from router_service.server.admin_errands import ErrandServicer
from router_service.server.admin_servicer import SERVICE as ADMIN_SERVICE
from router_service.server.admin_servicer import AdminServicer, admin_handlers
from router_service.server.handling import CallBoundary
from router_service.server.router_servicer import SERVICE as ROUTER_SERVICE
from router_service.server.router_servicer import RouterServicer, router_handlers
from router_service.server.worker_servicer import SERVICE as WORKER_SERVICE
from router_service.server.worker_servicer import RouterIdentity, WorkerServicer, worker_handlers
from router_service.state.answers import RecentAnswers
from router_service.state.cursors import Cursors
from router_service.state.limits import LimitBook
from router_service.state.table import Table
from service_common.metric_families import Registry

SERVICES = (ROUTER_SERVICE, ADMIN_SERVICE, WORKER_SERVICE)

log = logging.getLogger("router_service")


class Router:
    """The parts of one router process.

    Attributes:
        metrics: what Prometheus is shown.
    """

    def __init__(
        self, store: ConfigurationStore, sources: Sources, redis: str = "", database: Database | None = None
    ) -> None:
        """Build everything that neither listens nor waits yet.

        `sources`: what `store` builds its engines with; `redis`: address of what replicas share, if anything;
        `database`: None: nothing outlives the process.
        """
        self.store = store
        running = store.current
        self._clock = clock = sources.clock
        # Replicas that share counts must agree on the minute; a single one goes by a clock that never jumps.
        book = LimitBook((lambda: clock.wall().timestamp()) if redis else clock.now)
        self.sharing = sharing(redis, running, book) if redis else None
        self._sessions = sessions = SessionDirectory()
        self.table = Table(running.catalogue, sources.facts, clock, table_settings(running), book)
        answers = RecentAnswers(self.table.report_quality)
        self.room = WaitingRoom(clock, self._free_slots, waiting_settings(running))
        self.hedges = HedgeBudgets()
        self._tally = AttemptTally()
        observers = (sources.counter, answers, self.room, self._tally, OutageLog())
        registry = AttemptRegistry(clock, sessions, self.table, observers)
        interval = running.configuration.router.heartbeat_interval
        self.link = WorkerLink(clock, sessions, registry, self.table, LinkSettings(heartbeat_interval=interval))
        self.calls = Calls(
            engine=self._engine,
            table=self.table,
            cursors=Cursors(),
            dispatcher=registry,
            estimator=sources.counter,
            judgements=answers,
            room=self.room,
            hedges=self.hedges,
            clock=clock,
            random=Random(),
        )
        kept = self.sharing.answers if self.sharing else None
        self.repeats = IdempotentCalls(self.calls.stream, clock, idempotency_settings(running), kept)
        self._database = database
        measured: dict[str, Measured] = {"target": self.table, "tokens": sources.counter}
        self._keeper = None if database is None else MeasurementKeeper(database, measured, clock)
        journal = None if database is None else DatabaseJournal(database, clock)
        self.administration = Administration(store, self.table, journal)
        self.errands = Errands(registry, clock)
        self._upkeep = Upkeep(self.errands, self.table, clock, Random(), upkeep_settings(running))
        self._clock_watch = ClockWatch(clock)
        self.metrics = self._registry()
        store.subscribe(self._follow)

    async def prepare(self) -> None:
        """Take over what was kept, before the first call; without it where the database cannot be used now."""
        await self.administration.catch_up()
        if self._keeper is not None:
            await self._keeper.restore()

    async def run(self) -> None:
        """What goes on beside the calls, until cancelled. Without its link alone a router is of no use, and ends."""
        beside = {
            "the upkeep of targets": self._upkeep.run,
            "the watch of the machine's date": self._clock_watch.run,
        }
        if self._keeper is not None:
            beside["the keeping of measurements"] = self._keeper.run
            beside["following other routers' operators"] = self.administration.run
        if self.sharing is not None:
            beside["sharing through Redis"] = self.sharing.run
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.link.run())
            for name, work in beside.items():
                tasks.create_task(keep_running(name, work))

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

    def _engine(self) -> Engine:
        """The engine for a call that begins now."""
        return self.store.current.engine

    def _follow(self, changed: Running) -> None:
        """Take another configuration; what was measured and counted stays."""
        self._upkeep.follow(upkeep_settings(changed))
        self.table.apply_catalogue(changed.catalogue)
        self.table.follow(table_settings(changed))
        self.room.follow(waiting_settings(changed))

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
        pulls = Pulls(self.errands, self._engine, self.table)
        admin = AdminServicer(self.table, self._sessions, self.administration, boundary, drills, self._clock)
        server.add_generic_rpc_handlers(
            (
                router_handlers(RouterServicer(self.calls, self.repeats, boundary)),
                admin_handlers(admin, ErrandServicer(drills, pulls, boundary)),
                worker_handlers(WorkerServicer(self.link, self._clock, identity)),
            )
        )
        return boundary
