"""Which targets there are: the configuration's catalogue, and what attached workers report beside it."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from router_service.contracts.engine import Catalogue
from router_service.domain.switches import Switches, switch_of
from router_service.domain.target import BackendPolicy, TargetSpec
from router_service.domain.worker import WorkerReport
from router_service.state.circuit import CircuitSettings
from router_service.state.entry import TargetEntry
from router_service.state.merge import discovered, merged
from router_service.state.rolling_metrics import RollingMetrics
from service_common.facts.model import ModelFacts
from service_common.vocabulary import TargetState

logger = logging.getLogger(__name__)


class Facts(Protocol):
    """The table of model facts."""

    def lookup(self, provider: str, model: str) -> ModelFacts | None:
        """What is known of a model; None: nothing."""
        ...


class Roster:
    """The entries by target. One that is not visible any more keeps what was measured, should it come back."""

    def __init__(self, catalogue: Catalogue, facts: Facts, circuit: CircuitSettings) -> None:
        """Begin with the configured targets and no worker."""
        self._catalogue = catalogue
        self._facts = facts
        self._circuit = circuit
        self._entries: dict[str, TargetEntry] = {}
        self._names: dict[str, tuple[str, ...]] = {}
        self._reports: dict[str, WorkerReport] = {}
        self._by_backend: dict[str, dict[str, WorkerReport]] = {}
        self._saved: Mapping[str, Mapping[str, Any]] = {}
        self.apply(catalogue)

    @property
    def backends(self) -> Mapping[str, BackendPolicy]:
        """The configured backends by name."""
        return self._catalogue.backends

    @property
    def entries(self) -> Mapping[str, TargetEntry]:
        """All that ever were, by target."""
        return self._entries

    def visible(self) -> list[str]:
        """The targets that there are, in name order."""
        return sorted(name for names in self._names.values() for name in names)

    def find(self, target: str) -> TargetEntry | None:
        """The entry of a target that there is; None: there is none."""
        entry = self._entries.get(target)
        return entry if entry is not None and entry.visible else None

    def targets_of(self, backend: str) -> tuple[str, ...]:
        """The targets of a backend, in name order."""
        return self._names.get(backend, ())

    def reports_of(self, backend: str) -> Sequence[WorkerReport]:
        """What its attached workers say."""
        return tuple(self._by_backend.get(backend, {}).values())

    def report(self, session_id: str) -> WorkerReport | None:
        """What one attached worker says; None: there is no such session."""
        return self._reports.get(session_id)

    def apply(self, catalogue: Catalogue) -> list[str]:
        """Follow another configuration; what its targets were taken out for may be mended.

        Returns:
            The targets and backends whose settings were others, or that were not there.
        """
        before = self._catalogue
        for entry in self._entries.values():
            entry.visible = False
            entry.outage = None
        self._catalogue = catalogue
        self._names = {}
        for backend in catalogue.backends:
            self._rebuild(backend)
        backends = [name for name, policy in catalogue.backends.items() if before.backends.get(name) != policy]
        of_backends = [target for name in backends for target in self.targets_of(name)]
        targets = [name for name, spec in catalogue.targets.items() if before.targets.get(name) != spec]
        return [*backends, *of_backends, *targets]

    def follow_circuit(self, settings: CircuitSettings) -> None:
        """Take other settings for every circuit."""
        self._circuit = settings
        for entry in self._entries.values():
            entry.circuit.follow(settings)

    def switch(self, switches: Switches) -> list[str]:
        """Set every target's switch; returns those that changed."""
        changed = []
        for name, entry in self._entries.items():
            switch = switch_of(switches, name)
            if switch != entry.switch:
                entry.switch = switch
                changed.append(name)
        return changed

    def attach(self, session_id: str, report: WorkerReport) -> None:
        """A worker is there, perhaps with another key; models that the configuration does not allow are ignored."""
        self._keep(session_id, report)
        backend = report.hello.backend
        self._rebuild(backend)
        for name in self.targets_of(backend):
            self._entries[name].outage = None
        ignored = [model for model in report.models if self.find(f"{backend}/{model}") is None]
        if ignored:
            worker, listed = report.hello.worker_id, ", ".join(ignored[:10])
            logger.info("worker %s has models that the configuration does not list: %s", worker, listed)

    def detach(self, session_id: str) -> bool:
        """It is gone; False: it was already."""
        report = self._reports.pop(session_id, None)
        if report is None:
            return False
        del self._by_backend[report.hello.backend][session_id]
        self._rebuild(report.hello.backend)
        return True

    def heard(self, session_id: str, report: WorkerReport) -> bool:
        """How a worker fares; False: it is gone."""
        if session_id not in self._reports:
            return False
        self._keep(session_id, report)
        return True

    def models(self, session_id: str, report: WorkerReport) -> bool:
        """A worker serves other models now; False: it is gone."""
        if self.heard(session_id, report):
            self._rebuild(report.hello.backend)
            return True
        return False

    def restore(self, saved: Mapping[str, Mapping[str, Any]], now: float) -> None:
        """Take the figures of an earlier process, also for targets that appear later."""
        self._saved = {name: {**figures, "restored_at": now} for name, figures in saved.items()}
        for name, entry in self._entries.items():
            self._restore_entry(name, entry)

    def _keep(self, session_id: str, report: WorkerReport) -> None:
        self._reports[session_id] = report
        self._by_backend.setdefault(report.hello.backend, {})[session_id] = report

    def _rebuild(self, backend: str) -> None:
        policy = self._catalogue.backends.get(backend)
        if policy is None:
            return
        reports = self.reports_of(backend)
        bases = {name: spec for name, spec in self._catalogue.targets.items() if spec.backend == backend}
        if policy.discover:
            bases = self._discovered(policy, reports) | bases
        self._forget(name for name in self._names.get(backend, ()) if name not in bases)
        for name, base in bases.items():
            entry = self._entries.get(name)
            if entry is None:
                entry = self._entries[name] = TargetEntry(base, self._circuit)
                self._restore_entry(name, entry)
            entry.base = base
            entry.spec = merged(base, policy, reports)
            entry.visible = True
        self._names[backend] = tuple(sorted(bases))

    def _discovered(self, policy: BackendPolicy, reports: Sequence[WorkerReport]) -> dict[str, TargetSpec]:
        """What the workers report; while none is attached, what the last one reported (as detached)."""
        if not reports:
            return {name: self._entries[name].base for name in self._names.get(policy.name, ())}
        models = {model.model: model for report in reports for model in report.models.values()}
        specs = (
            discovered(policy, model, self._facts.lookup(policy.provider, model.model)) for model in models.values()
        )
        return {spec.name: spec for spec in specs}

    def _forget(self, names: Iterable[str]) -> None:
        """Take targets out of sight; those of which nothing was ever learned are dropped."""
        for name in names:
            entry = self._entries[name]
            entry.visible = False
            if not (entry.attempts or entry.in_flight) and entry.switch.state is TargetState.READY:
                del self._entries[name]

    def _restore_entry(self, name: str, entry: TargetEntry) -> None:
        saved = self._saved.get(name)
        if saved is not None and entry.attempts == 0:
            entry.metrics = RollingMetrics.restore(saved, saved["restored_at"])
