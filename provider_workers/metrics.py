"""A worker's metrics for Prometheus, where they are configured."""

from collections.abc import Iterator
from dataclasses import dataclass

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from provider_workers.link.client import Link
from provider_workers.worker import Worker
from service_common.metrics import new_registry
from service_common.span_collector import SpanCollector
from service_common.span_counts import SpanCounts
from service_common.vocabulary import WorkerState

BACKEND = ("backend",)


@dataclass(frozen=True, slots=True, eq=False)
class WorkerCollector(Collector):
    """Reads what a worker and its link count. `version`: of the program."""

    worker: Worker
    link: Link
    version: str

    def collect(self) -> Iterator[Metric]:
        """See `Collector.collect`."""
        settings = self.worker.settings
        name = settings.backend.name
        labels = ("version", "backend", "worker_id")
        info = GaugeMetricFamily("trunkline_worker_info", "What runs; always 1", labels=labels)
        info.add_metric((self.version, name, settings.worker_id), 1)
        yield info
        running = self.worker.attempts.in_flight
        yield _gauge("trunkline_worker_in_flight", "Attempts that have not ended, of all routers", name, running)
        yield _gauge("trunkline_worker_capacity", "Attempts that may run at once", name, settings.capacity)
        text = "Routers that the worker is attached to; 0: it serves nobody"
        yield _gauge("trunkline_worker_routers_attached", text, name, self.link.attached)
        yield self._state(name)
        yield self._attempts(name)

    def _state(self, name: str) -> Metric:
        state, _ = self.worker.state()
        text = "1 for the state that the worker is in"
        family = GaugeMetricFamily("trunkline_worker_state", text, labels=("backend", "state"))
        for each in WorkerState:
            family.add_metric((name, each.label), each is state)
        return family

    def _attempts(self, name: str) -> Metric:
        text = "Attempts that ended: success, or the failure's class"
        labels = ("backend", "operation", "outcome")
        family = CounterMetricFamily("trunkline_worker_attempts", text, labels=labels)
        for (operation, failure), count in self.worker.attempts.outcomes.items():
            family.add_metric((name, operation.label, "success" if failure is None else failure.label), count)
        return family


def worker_registry(worker: Worker, link: Link, version: str, spans: SpanCounts | None) -> CollectorRegistry:
    """All that one worker process shows. `spans` None: it traces nothing."""
    registry = new_registry()
    registry.register(WorkerCollector(worker, link, version))
    if spans is not None:
        registry.register(SpanCollector(spans))
    return registry


def _gauge(name: str, text: str, backend: str, value: float) -> Metric:
    family = GaugeMetricFamily(name, text, labels=BACKEND)
    family.add_metric((backend,), value)
    return family
