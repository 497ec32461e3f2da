"""The health and load table: every target, whether it can be used, and how it fares.

It is kept up to date as things happen, so that a snapshot only makes anew the rows that changed: `roster` knows which
targets there are, `rows` how each fares at this moment, `gate` lets attempts through.
"""

from collections.abc import Collection, Mapping
from contextlib import AbstractContextManager
from typing import Any

from msgspec import Struct

from router_service.contracts.dispatch import AttemptOrder, Refusal
from router_service.contracts.engine import Catalogue
from router_service.contracts.link import Claim
from router_service.domain.attempt import AttemptRecord
from router_service.domain.errors import NotFound
from router_service.domain.statistics import TargetStatistics
from router_service.domain.switches import NONE, Switches
from router_service.domain.target import TableSnapshot
from router_service.domain.worker import WorkerReport
from router_service.state.circuit import CircuitSettings
from router_service.state.gate import Gate
from router_service.state.limits import LimitBook
from router_service.state.roster import Facts, Roster
from router_service.state.rows import Rows
from router_service.state.watching import Watcher
from service_common.clock import Clock


class TableSettings(Struct, frozen=True):
    """Times in seconds.

    Attributes:
        default_cooldown: of a rate limit that does not say how long it lasts.
        refresh: how old figures that change with time alone may get in a snapshot.
    """

    circuit: CircuitSettings
    default_cooldown: float
    refresh: float = 5.0


class Table:
    """Implements `AttemptGate` and `SessionObserver`, and gives out snapshots: the front of roster, rows and gate."""

    def __init__(
        self,
        catalogue: Catalogue,
        facts: Facts,
        clock: Clock,
        settings: TableSettings,
        limits: LimitBook | None = None,
    ) -> None:
        """Begin with the configured targets, detached. `limits`: where other replicas count, too."""
        self._clock = clock
        self._roster = Roster(catalogue, facts, settings.circuit)
        self._rows = Rows(self._roster, clock, settings.refresh)
        self._gate = Gate(self._roster, self._rows, clock, limits or LimitBook(clock.now), settings.default_cooldown)
        self._switches = NONE

    # What the configuration and the operator say

    def apply_catalogue(self, catalogue: Catalogue) -> None:
        """Follow another configuration. Circuits, counts and averages stay; cool-downs of what has changed end."""
        self._rows.lift_cooldowns(self._roster.apply(catalogue))
        self._relist()

    def follow(self, settings: TableSettings) -> None:
        """Take other settings, also for the circuits that there are."""
        self._roster.follow_circuit(settings.circuit)
        self._rows.refresh = settings.refresh
        self._gate.default_cooldown = settings.default_cooldown

    @property
    def switches(self) -> Switches:
        """What is switched, by target or backend."""
        return self._switches

    def apply_switches(self, switches: Switches) -> None:
        """Follow these switches, also for targets that appear later."""
        self._switches = switches
        self._rows.touch(self._roster.switch(switches))

    def bring_back(self, names: Collection[str]) -> None:
        """See `Switchboard.bring_back`."""
        for name in names:
            backend, _, model = name.partition("/")
            targets = (name,) if model else self._roster.targets_of(name)
            self._rows.lift_cooldowns((backend, *targets))
            self.recover(targets)

    def targets_named(self, name: str) -> tuple[str, ...]:
        """The target, or all of a backend's.

        Raises:
            NotFound: there is no such target or backend.
        """
        names = (name,) if self._roster.find(name) else self._roster.targets_of(name)
        if not names and name not in self._roster.backends:
            raise self._unknown(name)
        return names

    def report_quality(self, target: str, value: float, task: str = "default") -> None:
        """Take what a caller said of an answer, 0..1.

        Raises:
            NotFound: there is no such target.
            ValueError: `value` is out of range.
        """
        if not 0 <= value <= 1:
            raise ValueError(f"a quality lies between 0 and 1, not {value}")
        entry = self._roster.find(target)
        if entry is None:
            raise self._unknown(target)
        entry.metrics.report_quality(value, task)
        self._rows.touch((target,))

    def recover(self, targets: Collection[str]) -> None:
        """See `RecoverableTable.recover`."""
        now = self._clock.now()
        found = [entry for entry in map(self._roster.find, targets) if entry is not None]
        for entry in found:
            entry.outage = None
            entry.circuit.half_open(now)
        self._rows.touch(entry.spec.name for entry in found)

    def cool_down(self, name: str, seconds: float, reason: str) -> None:
        """Leave a target, or a whole backend, alone for a while; a shorter time never replaces a longer."""
        self._rows.cool_down(name, seconds, reason)

    # What readers see

    def snapshot(self) -> TableSnapshot:
        """The table at this moment."""
        return self._rows.snapshot()

    def statistics(self, name: str = "") -> tuple[TargetStatistics, ...]:
        """Counts and windows of a target, of all of a backend's, or (empty) of all, in name order.

        Raises:
            NotFound: there is no such target or backend.
        """
        names = self.targets_named(name) if name else self._roster.visible()
        return tuple(self._roster.entries[target].statistics() for target in names)

    def watch(self) -> AbstractContextManager[Watcher]:
        """Follow the changes for as long as the context lasts."""
        return self._rows.watchers.watch()

    def export(self) -> dict[str, Any]:
        """What was measured, as plain values, for `restore` in a later process."""
        now = self._clock.now()
        return {name: entry.metrics.export(now) for name, entry in self._roster.entries.items() if entry.metrics.known}

    def restore(self, saved: Mapping[str, Mapping[str, Any]]) -> None:
        """Take what an earlier process measured, for targets that were not tried yet in this one."""
        self._roster.restore(saved, self._clock.now())
        self._rows.touch(self._roster.visible())

    # AttemptGate

    def claim(self, order: AttemptOrder) -> Claim | Refusal:
        """See `AttemptGate.claim`."""
        return self._gate.claim(order)

    def settle(self, claim: Claim, record: AttemptRecord) -> None:
        """See `AttemptGate.settle`."""
        self._gate.settle(claim, record)

    def free_slots(self, target: str) -> float:
        """Attempts that the configuration lets a target begin now; infinite: it does not say."""
        return self._gate.free_slots(target)

    # SessionObserver

    @property
    def backends(self) -> Collection[str]:
        """See `SessionObserver.backends`."""
        return self._roster.backends.keys()

    def session_attached(self, session_id: str, report: WorkerReport) -> None:
        """See `SessionObserver.session_attached`."""
        self._roster.attach(session_id, report)
        self._relist()

    def session_lost(self, session_id: str) -> None:
        """See `SessionObserver.session_lost`."""
        if self._roster.detach(session_id):
            self._relist()

    def session_reported(self, session_id: str, report: WorkerReport) -> None:
        """See `SessionObserver.session_reported`."""
        if self._roster.heard(session_id, report):
            self._rows.workers_changed(report.hello.backend)

    def session_models(self, session_id: str, report: WorkerReport) -> None:
        """See `SessionObserver.session_models`."""
        if self._roster.models(session_id, report):
            self._relist()

    def cool_down_session(self, session_id: str, model: str, seconds: float, reason: str) -> None:
        """See `SessionObserver.cool_down_session`."""
        report = self._roster.report(session_id)
        if report is None:
            return
        backend = report.hello.backend
        if not model:
            self.cool_down(backend, seconds, reason)
        elif self._roster.find(f"{backend}/{model}") is not None:
            self.cool_down(f"{backend}/{model}", seconds, reason)

    def _relist(self) -> None:
        """Targets may have come, gone or changed; those that came follow their switches."""
        self._roster.switch(self._switches)
        self._rows.relist()

    def _unknown(self, name: str) -> NotFound:
        return NotFound.among("target or backend", name, (*self._roster.visible(), *self._roster.backends))
