"""What the router depends on: workers, database, Redis, configuration, clock. Each can be lost, and shows it here."""

import platform
from collections.abc import Iterator
from typing import Protocol

from msgspec import Struct

from router_service.config.store import ConfigurationStore
from router_service.dispatch.link import WorkerLink
from router_service.recording.clock_watch import ClockWatch
from router_service.recording.database import Database
from router_service.recording.measurements import MeasurementKeeper
from service_common.metric_families import MetricFamily, Row, counter, gauge


class Shared(Protocol):
    """One use of Redis."""

    @property
    def reachable(self) -> bool:
        """Whether it answered last."""
        ...

    @property
    def failures(self) -> int:
        """Times since the start that it did not."""
        ...


class WorkerCollector(Struct, frozen=True):
    """Reads who is attached."""

    link: WorkerLink
    store: ConfigurationStore

    def collect(self) -> Iterator[MetricFamily]:
        """See `Collector.collect`."""
        backend = ("backend",)
        none = dict.fromkeys(self.store.current.catalogue.backends, 0)
        attached, late = dict(none), dict(none)
        for session in self.link.sessions:
            name = session.hello.backend
            attached[name] = attached.get(name, 0) + 1
            late[name] = late.get(name, 0) + session.report.suspect
        yield gauge("workers", "Workers attached", backend, _rows(attached))
        yield gauge("workers_late", "Of them, those whose heartbeat is late", backend, _rows(late))
        attachments = _rows({**none, **self.link.attachments})
        yield counter("worker_attachments", "Times that a worker attached", backend, attachments)
        losses = _rows({**none, **self.link.losses})
        yield counter("worker_losses", "Times that a worker left or was lost", backend, losses)


class DatabaseCollector(Struct, frozen=True):
    """Reads how the database fares."""

    database: Database
    keeper: MeasurementKeeper

    def collect(self) -> Iterator[MetricFamily]:
        """See `Collector.collect`."""
        yield gauge("database_up", "0 while the database cannot be used", (), [((), self.database.usable)])
        failures = self.database.failures
        yield counter("database_failures", "Transactions that failed; nothing of them was kept", (), [((), failures)])
        unsaved = self.keeper.unsaved
        yield counter("measurements_unsaved", "Savings of measurements that failed", (), [((), unsaved)])


class RedisCollector(Struct, frozen=True):
    """Reads how each use of Redis fares."""

    limits: Shared
    answers: Shared

    def collect(self) -> Iterator[MetricFamily]:
        """See `Collector.collect`."""
        uses = (("limits", self.limits), ("answers", self.answers))
        up: Iterator[Row] = (((use,), shared.reachable) for use, shared in uses)
        yield gauge("redis_up", "0 while Redis is out of reach, and this replica goes by itself", ("use",), up)
        failures: Iterator[Row] = (((use,), shared.failures) for use, shared in uses)
        yield counter("redis_failures", "Exchanges with Redis that failed", ("use",), failures)


class ProcessCollector(Struct, frozen=True):
    """Reads what is in force in this process. `version`: of the program."""

    version: str
    store: ConfigurationStore
    clock: ClockWatch

    def collect(self) -> Iterator[MetricFamily]:
        """See `Collector.collect`."""
        labels = ("version", "python")
        yield gauge("build_info", "What runs; always 1", labels, [((self.version, platform.python_version()), 1)])
        version = self.store.current.catalogue.version
        yield gauge("configuration_info", "What is in force; always 1", ("version",), [((version,), 1)])
        rejected = bool(self.store.mistakes)
        yield gauge("configuration_file_rejected", "1 while the file has mistakes", (), [((), rejected)])
        failed = self.store.failed_reloads
        yield counter("configuration_reloads_failed", "Reloads that left what was in force", (), [((), failed)])
        yield counter("clock_jumps", "Times that the machine's date was set", (), [((), self.clock.jumps)])


def _rows(counts: dict[str, int]) -> Iterator[Row]:
    return (((name,), count) for name, count in sorted(counts.items()))
