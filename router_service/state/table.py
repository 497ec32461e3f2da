"""The health and load table: every target, whether it can be used, and how it fares.

It is kept up to date as things happen, so that a snapshot only makes anew the rows that changed.
"""

import asyncio
import heapq
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from difflib import get_close_matches
from types import MappingProxyType
from typing import Any

from router_service.contracts.dispatch import AttemptOrder, Refusal
from router_service.contracts.engine import Catalogue
from router_service.contracts.link import Claim
from router_service.domain.attempt import AttemptRecord, Failure
from router_service.domain.errors import NotFound
from router_service.domain.statistics import TargetStatistics
from router_service.domain.switches import NONE, Switches
from router_service.domain.target import TableSnapshot, TargetView
from router_service.domain.worker import ModelReport, WorkerHeartbeat, WorkerHello
from router_service.state.circuit import CircuitSettings, CircuitState
from router_service.state.cooldowns import Cooldown, Cooldowns
from router_service.state.entry import Standing, TargetEntry
from router_service.state.limits import LimitBook, Limited
from router_service.state.reports import Together, together
from router_service.state.roster import Facts, Roster
from service_common.clock import Clock
from service_common.failures import POLICIES
from service_common.vocabulary import Operation, TargetState

USABLE = frozenset({TargetState.READY, TargetState.SUSPECT, TargetState.HALF_OPEN})
MAINTENANCE = frozenset({Operation.PROBE, Operation.WARM_UP, Operation.PULL_MODEL})
"""Operations that a target may be asked for although it takes no prompts."""


@dataclass(frozen=True, slots=True)
class TableSettings:
    """Times in seconds.

    Attributes:
        default_cooldown: of a rate limit that does not say how long it lasts.
        refresh: how old figures that change with time alone may get in a snapshot.
    """

    circuit: CircuitSettings = field(default_factory=CircuitSettings)
    default_cooldown: float = 5.0
    refresh: float = 5.0


class Changes:
    """Tells one watcher that the table changed; what happens while it does not look is one change."""

    def __init__(self) -> None:
        """Begin without one."""
        self._event = asyncio.Event()

    def note(self) -> None:
        """Something changed."""
        self._event.set()

    async def wait(self) -> None:
        """Until something changes; waits without a limit. What time alone changes is not told."""
        await self._event.wait()
        self._event.clear()


class Table:
    """Implements `AttemptGate` and `SessionObserver`, and gives out snapshots."""

    def __init__(
        self,
        catalogue: Catalogue,
        facts: Facts,
        clock: Clock,
        settings: TableSettings | None = None,
        limits: LimitBook | None = None,
    ) -> None:
        """Begin with the configured targets, detached. `limits`: where other replicas count, too."""
        self._clock = clock
        self._settings = settings or TableSettings()
        self._roster = Roster(catalogue, facts, self._settings.circuit)
        self._cooldowns = Cooldowns()
        self._limits = limits or LimitBook(clock.now)
        self._backend_in_flight: dict[str, int] = {}
        self._views: dict[str, TargetView] = {}
        self._dirty: set[str] = set()
        self._due: list[tuple[float, str]] = []
        self._watchers: set[Changes] = set()
        self._said: dict[str, Together] = {}
        self._switches = NONE
        self._relisted()

    # What the configuration and the operator say

    def apply_catalogue(self, catalogue: Catalogue) -> None:
        """Follow another configuration. Circuits, counts and averages stay."""
        self._roster.apply(catalogue)
        self._relisted()

    def follow(self, settings: TableSettings) -> None:
        """Take other settings, also for the circuits that there are."""
        self._settings = settings
        self._roster.follow_circuit(settings.circuit)

    @property
    def switches(self) -> Switches:
        """What is switched, by target or backend."""
        return self._switches

    def apply_switches(self, switches: Switches) -> None:
        """Follow these switches, also for targets that appear later."""
        self._switches = switches
        self._touch(self._roster.switch(switches))

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
        self._touch((target,))

    def recover(self, targets: Collection[str]) -> None:
        """See `Infirmary.recover`."""
        now = self._clock.now()
        found = [entry for entry in map(self._roster.find, targets) if entry is not None]
        for entry in found:
            entry.out_reason = ""
            entry.circuit.half_open(now)
        self._touch(entry.spec.name for entry in found)

    def cool_down(self, name: str, seconds: float, reason: str) -> None:
        """Leave a target, or a whole backend, alone for a while; a shorter time never replaces a longer."""
        if self._cooldowns.add(name, self._clock.now() + seconds, reason):
            self._touch((name,) if "/" in name else self._roster.targets_of(name))

    # What readers see

    def snapshot(self) -> TableSnapshot:
        """The table at this moment."""
        now = self._clock.now()
        while self._due and self._due[0][0] <= now:
            due, name = heapq.heappop(self._due)
            entry = self._roster.find(name)
            if entry is not None and entry.view_due == due:
                entry.view_due = float("inf")
                self._dirty.add(name)
        if self._dirty:
            views = self._views.copy()
            for name in self._dirty:
                if name in views:
                    views[name] = self._view(self._roster.entries[name], now)
            self._views = views
            self._dirty = set()
        return TableSnapshot(MappingProxyType(self._views), now)

    def statistics(self, name: str = "") -> tuple[TargetStatistics, ...]:
        """Counts and windows of a target, of all of a backend's, or (empty) of all, in name order.

        Raises:
            NotFound: there is no such target or backend.
        """
        names = self.targets_named(name) if name else self._roster.visible()
        return tuple(self._roster.entries[target].statistics() for target in names)

    @contextmanager
    def watch(self) -> Iterator[Changes]:
        """Follow the changes for as long as the context lasts."""
        changes = Changes()
        self._watchers.add(changes)
        try:
            yield changes
        finally:
            self._watchers.discard(changes)

    def export(self) -> dict[str, Any]:
        """What was measured, as plain values, for `restore` in a later process."""
        now = self._clock.now()
        return {name: entry.metrics.export(now) for name, entry in self._roster.entries.items() if entry.metrics.known}

    def restore(self, saved: Mapping[str, Mapping[str, Any]]) -> None:
        """Take what an earlier process measured, for targets that were not tried yet in this one."""
        self._roster.restore(saved, self._clock.now())
        self._touch(self._roster.visible())

    # AttemptGate

    def claim(self, order: AttemptOrder) -> Claim | Refusal:
        """See `AttemptGate.claim`."""
        now = self._clock.now()
        name, backend = order.spec.name, order.spec.backend
        entry = self._roster.find(name)
        upkeep = order.upkeep or order.operation in MAINTENANCE
        if entry is None and not upkeep:
            return Refusal(f"{name} is not in the configuration any more")
        probe = waived = False
        if entry is not None and not upkeep:
            refusal = self._refusal(entry, order, now)
            if refusal is not None:
                return refusal
            probe = entry.circuit.claim_probe(now)
            waived = not probe and entry.circuit.state(now) is not CircuitState.CLOSED
        if entry is not None:
            entry.in_flight += 1
            self._touch((name,))
        self._backend_in_flight[backend] = self._backend_in_flight.get(backend, 0) + 1
        tokens = None if upkeep else order.input_tokens + order.output_tokens
        return Claim(name, backend, probe, waived, upkeep, listed=entry is not None, tokens=tokens)

    def settle(self, claim: Claim, record: AttemptRecord) -> None:
        """See `AttemptGate.settle`."""
        self._backend_in_flight[claim.backend] -= 1
        if not self._backend_in_flight[claim.backend]:
            del self._backend_in_flight[claim.backend]
        if claim.tokens is not None:
            usage = record.outcome.usage
            self._limits.correct((claim.target, claim.backend), usage.input_tokens + usage.output_tokens - claim.tokens)
        if not claim.listed:
            return
        entry = self._roster.entries[claim.target]
        now = self._clock.now()
        if claim.upkeep:
            entry.settle_upkeep(record)
            self._touch((claim.target,))
            return
        probe = claim.probe or (claim.waived and record.outcome.failure is None)
        entry.settle(record, now, self._clock.wall(), probe=probe)
        self._touch((claim.target,))
        if record.outcome.failure is not None:
            self._learn_from(claim, record.outcome.failure)

    def free_slots(self, target: str) -> float:
        """Attempts that the configuration lets a target begin now; infinite: it does not say."""
        entry = self._roster.find(target)
        return 0 if entry is None else self._free(entry)

    # SessionObserver

    @property
    def backends(self) -> Collection[str]:
        """See `SessionObserver.backends`."""
        return self._roster.backends.keys()

    def session_attached(self, session_id: str, hello: WorkerHello) -> None:
        """See `SessionObserver.session_attached`."""
        self._roster.attach(session_id, hello)
        self._relisted()

    def session_lost(self, session_id: str) -> None:
        """See `SessionObserver.session_lost`."""
        if self._roster.detach(session_id) is not None:
            self._relisted()

    def session_reported(self, session_id: str, heartbeat: WorkerHeartbeat) -> None:
        """See `SessionObserver.session_reported`."""
        session = self._roster.session(session_id)
        if session is not None:
            session.take_heartbeat(heartbeat, self._clock.wall())
            self._workers_changed(session.hello.backend)

    def session_suspected(self, session_id: str) -> None:
        """See `SessionObserver.session_suspected`."""
        session = self._roster.session(session_id)
        if session is not None:
            session.suspect = True
            self._workers_changed(session.hello.backend)

    def session_draining(self, session_id: str, reason: str) -> None:
        """See `SessionObserver.session_draining`."""
        session = self._roster.session(session_id)
        if session is not None:
            session.drain(reason)
            self._workers_changed(session.hello.backend)

    def session_models(self, session_id: str, models: tuple[ModelReport, ...]) -> None:
        """See `SessionObserver.session_models`."""
        if self._roster.models(session_id, models) is not None:
            self._relisted()

    def cool_down_session(self, session_id: str, model: str, seconds: float, reason: str) -> None:
        """See `SessionObserver.cool_down_session`."""
        session = self._roster.session(session_id)
        if session is None:
            return
        backend = session.hello.backend
        if not model:
            self.cool_down(backend, seconds, reason)
        elif self._roster.find(f"{backend}/{model}") is not None:
            self.cool_down(f"{backend}/{model}", seconds, reason)

    def _refusal(self, entry: TargetEntry, order: AttemptOrder, now: float) -> Refusal | None:
        standing = self._standing(entry, self._together(entry), now)
        if standing.state not in USABLE and not (order.circuit_waived and standing.state is TargetState.CIRCUIT_OPEN):
            retry_after = None if standing.available_at is None else max(0.0, standing.available_at - now)
            reason = f"{entry.spec.name} is {standing.state.label}: {standing.reason}"
            return Refusal(reason, retry_after)
        if order.sensitivity > entry.spec.clearance:
            return Refusal(f"{entry.spec.name} may see {entry.spec.clearance.label} requests at most")
        if self._free(entry) <= 0:
            return Refusal(f"{entry.spec.name} or its backend is at its limit of attempts", at_capacity=True)
        limited = (
            Limited(entry.spec.name, entry.spec.limits),
            Limited(entry.spec.backend, self._roster.backends[entry.spec.backend].limits),
        )
        return self._limits.claim(limited, order.input_tokens + order.output_tokens)

    def _free(self, entry: TargetEntry) -> float:
        """Attempts that the configuration lets a target begin now; infinite: it does not say."""
        own = entry.spec.limits.concurrency
        most = self._roster.backends[entry.spec.backend].max_concurrency
        free = float("inf") if own is None else own - entry.in_flight
        return free if most is None else min(free, most - self._backend_in_flight.get(entry.spec.backend, 0))

    def _learn_from(self, claim: Claim, failure: Failure) -> None:
        policy = POLICIES[failure.failure_class]
        scope = claim.backend if failure.backend_wide else claim.target
        reason = f"{failure.failure_class.label}: {failure.message}"
        if failure.retry_after is not None or policy.cools_down:
            seconds = self._settings.default_cooldown if failure.retry_after is None else failure.retry_after
            self.cool_down(scope, seconds, reason)
        if policy.takes_out and failure.backend_wide:
            names = self._roster.targets_of(claim.backend)
            for name in names:
                self._roster.entries[name].out_reason = reason
            self._touch(names)

    def _together(self, entry: TargetEntry) -> Together:
        """What its workers say; they say something new once a second, and are asked twice per attempt."""
        spec = entry.spec
        known = self._said.get(spec.name)
        if known is None:
            known = self._said[spec.name] = together(spec.backend, spec.model, self._roster.sessions_of(spec.backend))
        return known

    def _standing(self, entry: TargetEntry, workers: Together, now: float) -> Standing:
        return entry.standing(workers, self._cooldown(entry, now), now)

    def _cooldown(self, entry: TargetEntry, now: float) -> Cooldown | None:
        own = self._cooldowns.of(entry.spec.name, now)
        shared = self._cooldowns.of(entry.spec.backend, now)
        if own is None or shared is None:
            return own or shared
        return own if own.until >= shared.until else shared

    def _view(self, entry: TargetEntry, now: float) -> TargetView:
        workers = self._together(entry)
        standing = self._standing(entry, workers, now)
        limits = (entry.spec.limits.concurrency, self._roster.backends[entry.spec.backend].max_concurrency)
        capacity = min([workers.capacity, *(most for most in limits if most is not None)])
        self._schedule(entry, standing, now)
        return entry.view(standing, workers, capacity, now)

    def _schedule(self, entry: TargetEntry, standing: Standing, now: float) -> None:
        """Have the row made anew when time alone changes it."""
        due = float("inf") if standing.available_at is None else standing.available_at
        if entry.metrics.changes_with_time(now):
            due = min(due, now + self._settings.refresh)
        if due < entry.view_due or entry.view_due <= now:
            entry.view_due = due
            heapq.heappush(self._due, (due, entry.spec.name))

    def _relisted(self) -> None:
        """Targets may have come, gone or changed: all rows are made anew."""
        now = self._clock.now()
        self._roster.switch(self._switches)
        self._said.clear()
        self._views = {name: self._view(self._roster.entries[name], now) for name in self._roster.visible()}
        self._dirty = set()
        self._note()

    def _workers_changed(self, backend: str) -> None:
        names = self._roster.targets_of(backend)
        for name in names:
            self._said.pop(name, None)
        self._touch(names)

    def _touch(self, names: Iterable[str]) -> None:
        self._dirty.update(names)
        self._note()

    def _note(self) -> None:
        for watcher in self._watchers:
            watcher.note()

    def _unknown(self, name: str) -> NotFound:
        known = [*self._roster.visible(), *self._roster.backends]
        nearest = get_close_matches(name, known, n=3)
        hint = f"; did you mean {', '.join(nearest)}?" if nearest else f"; known: {', '.join(known)}"
        return NotFound(f'no target or backend "{name}"{hint}')
