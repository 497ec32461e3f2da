"""The rows of the table: each target's standing and figures at one moment, made anew only where something changed."""

import heapq
from collections.abc import Iterable, Mapping
from datetime import datetime, time, timedelta
from types import MappingProxyType

from msgspec.structs import replace

from router_service.domain.target import TableSnapshot, TargetSpec, TargetView
from router_service.state.cooldowns import Cooldown, Cooldowns
from router_service.state.entry import TargetEntry
from router_service.state.reports import Standing, Together, together
from router_service.state.roster import Roster
from router_service.state.watching import Watchers
from service_common.clock import Clock
from service_common.vocabulary import TargetState

NEVER = float("inf")
DAY = timedelta(days=1)


class Rows:
    """Keeps a row per target of the roster, and tells the watchers when one changes.

    Attributes:
        refresh: seconds that figures which change with time alone may be old.
        watchers: who is told.
    """

    def __init__(self, roster: Roster, clock: Clock, refresh: float) -> None:
        """Make a row for each target that there is."""
        self.refresh = refresh
        self.watchers = Watchers()
        self._roster = roster
        self._clock = clock
        self._cooldowns = Cooldowns()
        self._said: dict[str, Together] = {}
        self._views: dict[str, TargetView] = {}
        self._frozen: Mapping[str, TargetView] = MappingProxyType(self._views)
        self._dirty: set[str] = set()
        self._due: list[tuple[float, str]] = []
        self.relist()

    def snapshot(self) -> TableSnapshot:
        """The rows at this moment."""
        now = self._clock.now()
        while self._due and self._due[0][0] <= now:
            due, name = heapq.heappop(self._due)
            entry = self._roster.find(name)
            if entry is not None and entry.view_due == due:
                entry.view_due = NEVER
                self._dirty.add(name)
        if self._dirty:
            views = self._views.copy()
            for name in self._dirty:
                if name in views:
                    views[name] = self._view(self._roster.entries[name], now)
            self._keep(views)
        return TableSnapshot(self._frozen, now)

    def relist(self) -> None:
        """Targets may have come, gone or changed: all rows are made anew."""
        now = self._clock.now()
        self._said.clear()
        self._keep({name: self._view(self._roster.entries[name], now) for name in self._roster.visible()})
        self.watchers.note()

    def touch(self, names: Iterable[str]) -> None:
        """These targets' rows have changed."""
        self._dirty.update(names)
        self.watchers.note()

    def workers_changed(self, backend: str) -> None:
        """A backend's workers say something else."""
        names = self._roster.targets_of(backend)
        for name in names:
            self._said.pop(name, None)
        self.touch(names)

    def cool_down(self, name: str, seconds: float, reason: str) -> None:
        """Leave a target, or a whole backend, alone for a while; a shorter time never replaces a longer."""
        if self._cooldowns.add(name, self._clock.now() + seconds, reason):
            self.touch((name,) if "/" in name else self._roster.targets_of(name))

    def lift_cooldowns(self, names: Iterable[str]) -> None:
        """Leave these targets and backends alone no more."""
        for name in names:
            if self._cooldowns.clear(name):
                self.touch((name,) if "/" in name else self._roster.targets_of(name))

    def standing(self, entry: TargetEntry, now: float) -> Standing:
        """Whether a target can be used."""
        return entry.standing(self._together(entry), self._cooldown(entry, now), now)

    def _keep(self, views: dict[str, TargetView]) -> None:
        self._views = views
        self._frozen = MappingProxyType(views)
        self._dirty = set()

    def _together(self, entry: TargetEntry) -> Together:
        """What its workers say; they say something new once a second, and are asked twice per attempt."""
        spec = entry.spec
        known = self._said.get(spec.name)
        if known is None:
            known = self._said[spec.name] = together(spec.backend, spec.model, self._roster.reports_of(spec.backend))
        return known

    def _cooldown(self, entry: TargetEntry, now: float) -> Cooldown | None:
        own = self._cooldowns.of(entry.spec.name, now)
        shared = self._cooldowns.of(entry.spec.backend, now)
        if own is None or shared is None:
            return own or shared
        return own if own.until >= shared.until else shared

    def _view(self, entry: TargetEntry, now: float) -> TargetView:
        workers = self._together(entry)
        standing = self._told(entry.spec, self.standing(entry, now))
        capacity = workers.capacity
        for most in (entry.spec.limits.concurrency, self._roster.backends[entry.spec.backend].max_concurrency):
            if most is not None and most < capacity:
                capacity = most
        self._schedule(entry, standing, now)
        return entry.view(standing, workers, capacity, now)

    def _told(self, spec: TargetSpec, standing: Standing) -> Standing:
        """A ready target of a retired model says that it is, since no call gets there."""
        if spec.retires_on is None or standing.state is not TargetState.READY:
            return standing
        retired = spec.retired(self._clock.wall().date())
        return (
            standing if not retired else replace(standing, reason="; ".join(filter(None, (retired, standing.reason))))
        )

    def _until_retired(self, spec: TargetSpec) -> float:
        """Seconds until the day after the last on which a model is used."""
        wall = self._clock.wall()
        if spec.retires_on is None or spec.retires_on < wall.date():
            return NEVER
        return (datetime.combine(spec.retires_on, time(), wall.tzinfo) - wall + DAY).total_seconds()

    def _schedule(self, entry: TargetEntry, standing: Standing, now: float) -> None:
        """Have the row made anew when time alone changes it."""
        due = NEVER if standing.available_at is None else standing.available_at
        if entry.metrics.changes_with_time(now):
            due = min(due, now + self.refresh)
        if entry.spec.retires_on is not None:
            due = min(due, now + self._until_retired(entry.spec))
        if due < entry.view_due or entry.view_due <= now:
            entry.view_due = due
            heapq.heappush(self._due, (due, entry.spec.name))
