"""Which targets there are: the configuration's catalogue, and what attached workers report beside it."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from router_service.contracts.engine import Catalogue
from router_service.domain.switches import Switches, switch_of
from router_service.domain.target import BackendPolicy, TargetSpec
from router_service.domain.worker import ModelReport, WorkerHello
from router_service.state.circuit import CircuitSettings
from router_service.state.entry import TargetEntry
from router_service.state.merge import discovered, merged
from router_service.state.reports import SessionReport
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
        self._sessions: dict[str, SessionReport] = {}
        self._by_backend: dict[str, list[SessionReport]] = {}
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

    def sessions_of(self, backend: str) -> Sequence[SessionReport]:
        """What its attached workers say."""
        return self._by_backend.get(backend, ())

    def session(self, session_id: str) -> SessionReport | None:
        """What one attached worker says."""
        return self._sessions.get(session_id)

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

    def attach(self, session_id: str, hello: WorkerHello) -> None:
        """A worker is there, perhaps with another key; models that the configuration does not allow are ignored."""
        session = self._sessions[session_id] = SessionReport(hello)
        self._by_backend.setdefault(hello.backend, []).append(session)
        self._rebuild(hello.backend)
        for name in self.targets_of(hello.backend):
            self._entries[name].outage = None
        ignored = [model for model in session.models if self.find(f"{hello.backend}/{model}") is None]
        if ignored:
            listed = ", ".join(ignored[:10])
            logger.info("worker %s has models that the configuration does not list: %s", hello.worker_id, listed)

    def detach(self, session_id: str) -> str | None:
        """It is gone; returns its backend."""
        session = self._sessions.pop(session_id, None)
        if session is None:
            return None
        self._by_backend[session.hello.backend].remove(session)
        self._rebuild(session.hello.backend)
        return session.hello.backend

    def models(self, session_id: str, models: tuple[ModelReport, ...]) -> str | None:
        """A worker serves other models now; returns its backend."""
        session = self._sessions.get(session_id)
        if session is None:
            return None
        session.take_models(models)
        self._rebuild(session.hello.backend)
        return session.hello.backend

    def restore(self, saved: Mapping[str, Mapping[str, Any]], now: float) -> None:
        """Take the figures of an earlier process, also for targets that appear later."""
        self._saved = {name: {**figures, "restored_at": now} for name, figures in saved.items()}
        for name, entry in self._entries.items():
            self._restore_entry(name, entry)

    def _rebuild(self, backend: str) -> None:
        policy = self._catalogue.backends.get(backend)
        if policy is None:
            return
        sessions = self.sessions_of(backend)
        bases = {name: spec for name, spec in self._catalogue.targets.items() if spec.backend == backend}
        if policy.discover:
            bases = self._discovered(policy, sessions) | bases
        self._forget(name for name in self._names.get(backend, ()) if name not in bases)
        for name, base in bases.items():
            entry = self._entries.get(name)
            if entry is None:
                entry = self._entries[name] = TargetEntry(base, self._circuit)
                self._restore_entry(name, entry)
            entry.base = base
            entry.spec = merged(base, policy, sessions)
            entry.visible = True
        self._names[backend] = tuple(sorted(bases))

    def _discovered(self, policy: BackendPolicy, sessions: Sequence[SessionReport]) -> dict[str, TargetSpec]:
        """What the workers report; while none is attached, what the last one reported (as detached)."""
        if not sessions:
            return {name: self._entries[name].base for name in self._names.get(policy.name, ())}
        reports = {report.model: report for session in sessions for report in session.models.values()}
        specs = (
            discovered(policy, report, self._facts.lookup(policy.provider, report.model)) for report in reports.values()
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
