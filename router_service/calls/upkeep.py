"""Keeps targets fit: loads models into memory, and asks those that are out whether they serve again.

A target that is out (key refused, account empty) or whose circuit is open is probed by its backend's list of models,
which costs nothing; one whose model is to be kept in memory is loaded instead, so that it comes back warm. A backend
that proves well again and again, and whose targets fall out again and again, is asked less and less often.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random

from router_service.calls.errands import Errands
from router_service.contracts.state import Infirmary
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

ILL = frozenset({TargetState.OUT, TargetState.CIRCUIT_OPEN})
USABLE = frozenset({TargetState.READY, TargetState.SUSPECT, TargetState.HALF_OPEN, TargetState.COOLING})

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class UpkeepSettings:
    """How targets are kept fit. Times in seconds.

    Attributes:
        interval: between two probes of a backend; 0: none.
        timeout: of one probe.
        paid: whether a target whose provider has no free way to ask gets `prompt`, a serialised request.
        warm_up: models to keep in memory, by backend.
    """

    interval: float = 10.0
    timeout: float = 10.0
    paid: bool = False
    prompt: bytes = b""
    warm_up: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def warms(self, view: TargetView) -> bool:
        """Whether the target's model is to be kept in memory."""
        return view.spec.model in self.warm_up.get(view.spec.backend, frozenset())


@dataclass(slots=True)
class _Patient:
    """A backend with targets that are ill; times in monotonic seconds."""

    due: float
    delay: float
    busy: bool = False
    well_since: float | None = None


class Upkeep:
    """Looks after the targets of one router."""

    def __init__(
        self, errands: Errands, table: Infirmary, clock: Clock, random: Random, settings: UpkeepSettings
    ) -> None:
        """Begin with no target known."""
        self._errands = errands
        self._table = table
        self._clock = clock
        self._random = random
        self._settings = settings
        self._patients: dict[str, _Patient] = {}
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
        for backend, ill in self._due(views).items():
            errands.create_task(self._visit(backend, ill))

    def _cold(self, views: Sequence[TargetView]) -> list[TargetView]:
        """The targets that can be used since the last look, and whose model is to be in memory and is not."""
        usable = frozenset(view.spec.name for view in views if view.state in USABLE)
        new, self._usable = usable - self._usable, usable
        return [view for view in views if view.spec.name in new and self._settings.warms(view) and not view.resident]

    async def _warm_up(self, view: TargetView) -> Failure | None:
        failure = await self._errands.result(view.spec, Operation.WARM_UP, LOADING_TIME)
        if failure is not None:
            log.warning("%s was not loaded into memory: %s", view.spec.name, failure.message)
        return failure

    def _due(self, views: Sequence[TargetView]) -> dict[str, list[TargetView]]:
        """The backends that are to be asked now, with their targets that are ill."""
        if not self._settings.interval:
            return {}
        now = self._clock.now()
        ill: dict[str, list[TargetView]] = {}
        for view in views:
            if view.state in ILL and view.workers:
                ill.setdefault(view.spec.backend, []).append(view)
        self._discharge(ill, now)
        for backend in ill:
            if backend not in self._patients:
                delay = self._settings.interval
                self._patients[backend] = _Patient(now + delay * self._random.uniform(0.5, 1.0), delay)
        due = {backend: views for backend, views in ill.items() if self._is_due(backend, now)}
        for backend in due:
            self._patients[backend].busy = True
        return due

    def _is_due(self, backend: str, now: float) -> bool:
        patient = self._patients[backend]
        return not patient.busy and patient.due <= now

    def _discharge(self, ill: Mapping[str, Sequence[TargetView]], now: float) -> None:
        """Forget the backends that have been well for longer than they were left alone."""
        for backend, patient in tuple(self._patients.items()):
            if backend in ill or patient.busy:
                patient.well_since = None
            elif patient.well_since is None:
                patient.well_since = now
            elif now - patient.well_since > patient.delay:
                del self._patients[backend]

    async def _visit(self, backend: str, ill: Sequence[TargetView]) -> None:
        patient = self._patients[backend]
        try:
            well = await self._well(ill)
        finally:
            patient.busy = False
            patient.due = self._clock.now() + patient.delay
        if not well:
            return
        patient.delay = min(2 * patient.delay, SLOWEST * self._settings.interval)
        patient.due = self._clock.now() + patient.delay
        names = tuple(view.spec.name for view in well)
        self._usable |= frozenset(names)
        self._table.recover(names)
        log.info("%s answers a probe: %s may be tried again", backend, ", ".join(names))

    async def _well(self, ill: Sequence[TargetView]) -> list[TargetView]:
        """Those of one backend's targets that serve again, as far as can be told without a caller's prompt."""
        to_load = [view for view in ill if self._settings.warms(view)]
        others = [view for view in ill if not self._settings.warms(view)]
        well = [view for view in to_load if await self._warm_up(view) is None]
        if not others:
            return well
        failure = await self._errands.result(others[0].spec, Operation.PROBE, self._settings.timeout)
        if failure is None:
            return well + others
        if failure.failure_class is FailureClass.UNSUPPORTED and self._settings.paid:
            return well + [view for view in others if await self._answers(view)]
        return well

    async def _answers(self, view: TargetView) -> bool:
        """Whether a target answers a prompt that costs something."""
        if view.spec.mode is not ModelMode.CHAT:
            return False
        settings = self._settings
        return await self._errands.result(view.spec, Operation.COMPLETE, settings.timeout, settings.prompt) is None
