"""A worker's metrics for Prometheus, where they are configured."""

from collections.abc import Iterator
from dataclasses import dataclass

from provider_workers.link.client import Link
from provider_workers.worker import Worker
from service_common.metric_families import Collector, MetricFamily, Registry, Row, counter, gauge
from service_common.vocabulary import WorkerState

BACKEND = ("backend",)


@dataclass(frozen=True, slots=True)
class WorkerCollector:
    """Reads what a worker and its link count. `version`: of the program."""

    worker: Worker
    link: Link
    version: str

    def collect(self) -> Iterator[MetricFamily]:
        """See `Collector.collect`."""
        settings, attempts = self.worker.settings, self.worker.attempts
        name = settings.backend.name
        labels = ("version", "backend", "worker_id")
        info = [((self.version, name, settings.worker_id), 1)]
        yield gauge("worker_info", "What runs; always 1", labels, info)
        text = "Attempts that have not ended, of all routers"
        yield gauge("worker_in_flight", text, BACKEND, [((name,), attempts.in_flight)])
        yield gauge("worker_capacity", "Attempts that may run at once", BACKEND, [((name,), settings.capacity)])
        text = "Routers that the worker is attached to; 0: it serves nobody"
        yield gauge("worker_routers_attached", text, BACKEND, [((name,), self.link.attached)])
        state, _ = self.worker.state()
        states: Iterator[Row] = (((name, each.label), each is state) for each in WorkerState)
        yield gauge("worker_state", "1 for the state that the worker is in", ("backend", "state"), states)
        outcomes: Iterator[Row] = (
            ((name, operation.label, "success" if failure is None else failure.label), count)
            for (operation, failure), count in tuple(attempts.outcomes.items())
        )
        text = "Attempts that ended: success, or the failure's class"
        yield counter("worker_attempts", text, ("backend", "operation", "outcome"), outcomes)


def worker_registry(worker: Worker, link: Link, version: str, spans: Collector | None) -> Registry:
    """All that one worker process shows. `spans` None: it traces nothing."""
    registry = Registry()
    registry.register(WorkerCollector(worker, link, version))
    if spans is not None:
        registry.register(spans)
    return registry
