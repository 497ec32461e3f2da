"""Keeps targets fit: loads models into memory, and asks those that are out whether they serve again.

A target that is out (key refused, account empty) or whose circuit is open is probed by its backend's list of models,
which costs nothing; one whose model is to be kept in memory is loaded instead, so that it comes back warm. A backend
whose probes succeed again and again while its targets fall out as often is asked less and less often.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random

from msgspec import Struct

from router_service.calls.errands import Errands
from router_service.contracts.state import RecoverableTable
from router_service.domain.attempt import Failure
from router_service.domain.target import TargetView
from service_common.clock import Clock
from service_common.failures import FailureClass
from service_common.vocabulary import ModelMode, Operation, TargetState

LOOK_AGAIN = 0.25
"""Seconds between two looks at the table."""

LOADING_TIME = 300.0
"""Seconds that a model may take to load."""

SLOWEST = 32
"""Most intervals between two probes of a backend whose targets fall out again and again."""

PROBED = frozenset({TargetState.OUT, TargetState.CIRCUIT_OPEN})
IN_SERVICE = frozenset({TargetState.READY, TargetState.SUSPECT, TargetState.HALF_OPEN, TargetState.COOLING})

log = logging.getLogger(__name__)


class UpkeepSettings(Struct, frozen=True):
    """How targets are kept fit. Times in seconds.

    Attributes:
        interval: between two probes of a backend; 0: none.
        timeout: of one probe.
        paid: whether a target whose provider has no free way to ask gets `prompt`, a serialised request.
        warm_up: models to keep in memory, by backend.
    """

    interval: float
    timeout: float
    paid: bool
    prompt: bytes
    warm_up: Mapping[str, frozenset[str]]

    def warms(self, view: TargetView) -> bool:
        """Whether the target's model is to be kept in memory."""
        return view.spec.model in self.warm_up.get(view.spec.backend, frozenset())


@dataclass(slots=True)
class _Probing:
    """How a backend with targets that are out is probed; times in monotonic seconds.

    Attributes:
        delay: between two probes.
        busy: a probe is under way.
        recovered_at: since when none of its targets is out; None: some are.
    """

    due: float
    delay: float
    busy: bool = False
    recovered_at: float | None = None


class Upkeep:
    """Looks after the targets of one router."""

    def __init__(
        self, errands: Errands, table: RecoverableTable, clock: Clock, random: Random, settings: UpkeepSettings
    ) -> None:
        """Begin with no target known."""
        self._errands = errands
        self._table = table
        self._clock = clock
        self._random = random
        self._settings = settings
        self._probing: dict[str, _Probing] = {}
        self._usable: frozenset[str] = frozenset()

    def follow(self, settings: UpkeepSettings) -> None:
        """Take other settings from the next look on."""
        self._settings = settings

    async def run(self) -> None:
        """Look after them, until cancelled."""
        async with asyncio.TaskGroup() as errands:
            while True:
                self.look(errands)
                await asyncio.sleep(LOOK_AGAIN)

    def look(self, errands: asyncio.TaskGroup) -> None:
        """Begin what the table calls for at this moment."""
        views = tuple(self._table.snapshot().targets.values())
        for view in self._cold(views):
            errands.create_task(self._warm_up(view))
        for backend, out in self._due(views).items():
            errands.create_task(self._probe(backend, out))

    def _cold(self, views: Sequence[TargetView]) -> list[TargetView]:
        """The targets that can be used since the last look, and whose model is to be in memory and is not."""
        usable = frozenset(view.spec.name for view in views if view.state in IN_SERVICE)
        new, self._usable = usable - self._usable, usable
        return [view for view in views if view.spec.name in new and self._settings.warms(view) and not view.resident]

    async def _warm_up(self, view: TargetView) -> Failure | None:
        failure = await self._errands.result(view.spec, Operation.WARM_UP, LOADING_TIME)
        if failure is not None:
            log.warning("%s was not loaded into memory: %s", view.spec.name, failure.message)
        return failure

    def _due(self, views: Sequence[TargetView]) -> dict[str, list[TargetView]]:
        """The backends that are to be asked now, with their targets that are out."""
        if not self._settings.interval:
            return {}
        now = self._clock.now()
        out: dict[str, list[TargetView]] = {}
        for view in views:
            if view.state in PROBED and view.workers:
                out.setdefault(view.spec.backend, []).append(view)
        self._forget_recovered(out, now)
        for backend in out:
            if backend not in self._probing:
                delay = self._settings.interval
                self._probing[backend] = _Probing(now + delay * self._random.uniform(0.5, 1.0), delay)
        due = {backend: views for backend, views in out.items() if self._is_due(backend, now)}
        for backend in due:
            self._probing[backend].busy = True
        return due

    def _is_due(self, backend: str, now: float) -> bool:
        probing = self._probing[backend]
        return not probing.busy and probing.due <= now

    def _forget_recovered(self, out: Mapping[str, Sequence[TargetView]], now: float) -> None:
        """Forget the backends whose targets have served again for longer than a probe's delay."""
        for backend, probing in tuple(self._probing.items()):
            if backend in out or probing.busy:
                probing.recovered_at = None
            elif probing.recovered_at is None:
                probing.recovered_at = now
            elif now - probing.recovered_at > probing.delay:
                del self._probing[backend]

    async def _probe(self, backend: str, out: Sequence[TargetView]) -> None:
        probing = self._probing[backend]
        try:
            recovered = await self._recovered(out)
        finally:
            probing.busy = False
            probing.due = self._clock.now() + probing.delay
        if not recovered:
            return
        probing.delay = min(2 * probing.delay, SLOWEST * self._settings.interval)
        probing.due = self._clock.now() + probing.delay
        names = tuple(view.spec.name for view in recovered)
        self._usable |= frozenset(names)
        self._table.recover(names)
        log.info("%s answers a probe: %s may be tried again", backend, ", ".join(names))

    async def _recovered(self, out: Sequence[TargetView]) -> list[TargetView]:
        """Those of one backend's targets that serve again, as far as can be told without a caller's prompt."""
        to_load = [view for view in out if self._settings.warms(view)]
        others = [view for view in out if not self._settings.warms(view)]
        recovered = [view for view in to_load if await self._warm_up(view) is None]
        if not others:
            return recovered
        failure = await self._errands.result(others[0].spec, Operation.PROBE, self._settings.timeout)
        if failure is None:
            return recovered + others
        if failure.failure_class is FailureClass.UNSUPPORTED and self._settings.paid:
            return recovered + [view for view in others if await self._answers(view)]
        return recovered

    async def _answers(self, view: TargetView) -> bool:
        """Whether a target answers a prompt that costs something."""
        if view.spec.mode is not ModelMode.CHAT:
            return False
        settings = self._settings
        return await self._errands.result(view.spec, Operation.COMPLETE, settings.timeout, settings.prompt) is None
