"""Filters about the state of a target: may it be used at all at this moment?"""

from collections.abc import Sequence
from math import log2
from typing import ClassVar

from pydantic import BaseModel, Field

from router_service.contracts.plugins import RoutingContext
from router_service.domain.decision import Rejection, Waivable, Waiver
from router_service.domain.target import AVAILABILITY_HALF_LIFE, TargetView
from router_service.plugins.settings import Settings, WithoutSettings
from router_service.plugins.words import seconds
from service_common.vocabulary import TargetState

_FAILED = 1
"""Gravity of a waiver: it failed again and again, and not long ago."""

_READY, _DISABLED = TargetState.READY, TargetState.DISABLED
_STATED = {
    TargetState.DETACHED: "no worker is attached",
    TargetState.NOT_CONFIGURED: "its worker is not configured",
    TargetState.DRAINING: "its workers are draining",
}


class Enabled(WithoutSettings):
    """Out: what the configuration or an administrator has disabled."""

    name: ClassVar[str] = "enabled"
    hard: ClassVar[bool] = True

    def reject(self, context: RoutingContext, candidates: Sequence[TargetView]) -> Sequence[Rejection]:
        """Reject the disabled ones."""
        return [
            Rejection(view.spec.name, self.name, view.state_reason or "disabled")
            for view in candidates
            if view.state is _DISABLED or not view.spec.enabled
        ]


class Attached(WithoutSettings):
    """Out: targets without a worker that takes new work."""

    name: ClassVar[str] = "attached"
    hard: ClassVar[bool] = True

    def reject(self, context: RoutingContext, candidates: Sequence[TargetView]) -> Sequence[Rejection]:
        """Reject those that no worker serves now."""
        return [
            Rejection(view.spec.name, self.name, view.state_reason or _STATED[view.state])
            for view in candidates
            if view.state is not _READY and view.state in _STATED
        ]


class Circuit(WithoutSettings):
    """Out: targets left alone after failures, until the time is over that their circuit or provider asked for.

    Where every circuit is open, the least recently failed target is tried at once; a provider that asked to be left
    alone is not.
    """

    name: ClassVar[str] = Waivable.CIRCUIT.value
    hard: ClassVar[bool] = True

    def reject(self, context: RoutingContext, candidates: Sequence[TargetView]) -> Sequence[Rejection]:
        """Reject open circuits, cooling targets, and those taken out by a refused key or an empty account."""
        now = context.now
        return [self._rejection(view, now) for view in candidates if view.state is not _READY and _closed(view, now)]

    def _rejection(self, view: TargetView, now: float) -> Rejection:
        words = {TargetState.COOLING: "cooling", TargetState.CIRCUIT_OPEN: "open"}.get(view.state, "out")
        left = "" if view.available_at is None else f" for {seconds(view.available_at - now)} more"
        why = view.state_reason or view.last_error
        open_circuit = view.state is TargetState.CIRCUIT_OPEN
        return Rejection(
            view.spec.name,
            self.name,
            f"{words}{left}: {why}" if why else f"{words}{left}",
            waiver=Waiver(_FAILED, view.last_error_at or 0.0) if open_circuit else None,
            until=view.available_at if view.state is TargetState.COOLING else None,
        )


class Availability:
    """Out: targets whose availability is at or below the threshold, as long as others are above it.

    Availability is x 0.95 on an error, x 1.01 on a success up to 1, and drifts back to 1 with time, so that a target
    is never out for good. Where every candidate is below, none is removed: somebody has to be asked.
    """

    name: ClassVar[str] = "availability"
    hard: ClassVar[bool] = False

    class Model(Settings):
        """Settings of the filter.

        Attributes:
            threshold: 0..1; 0 turns the filter off.
        """

        threshold: float = Field(default=0.95, ge=0, le=1)

    settings_model: ClassVar[type[BaseModel]] = Model

    def __init__(self, settings: Model) -> None:
        """Keep the threshold."""
        self._threshold = settings.threshold

    def reject(self, context: RoutingContext, candidates: Sequence[TargetView]) -> Sequence[Rejection]:
        """Reject those at or below the threshold."""
        threshold = self._threshold
        below = [view for view in candidates if view.metrics.availability <= threshold]
        if not below or len(below) == len(candidates) or threshold <= 0:
            return ()
        return [Rejection(view.spec.name, self.name, _unavailable(view, threshold, context.now)) for view in below]


def _unavailable(view: TargetView, threshold: float, now: float) -> str:
    """What brought the availability down, and when it is back by itself."""
    availability = view.metrics.availability
    words = f"availability {availability:.2f}, not above {threshold:g}"
    if threshold < 1:
        left = AVAILABILITY_HALF_LIFE * log2((1 - availability) / (1 - threshold))
        words = f"{words} for about {seconds(max(1.0, left))} more"
    if view.last_error_at is None:
        return words
    return f"{words}: failed {seconds(max(0.0, now - view.last_error_at))} ago, {view.last_error}"


def _closed(view: TargetView, now: float) -> bool:
    state = view.state
    if state is TargetState.COOLING or state is TargetState.CIRCUIT_OPEN:
        return view.available_at is None or view.available_at > now
    return state is TargetState.OUT
