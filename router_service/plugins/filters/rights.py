"""Filters about who may see a request, and whom the caller wants."""

from collections.abc import Iterable, Sequence
from typing import ClassVar

from router_service.contracts.plugins import RoutingContext
from router_service.domain.decision import Rejection
from router_service.domain.target import TargetView
from router_service.plugins.settings import WithoutSettings
from router_service.plugins.words import whom

REVERSAL = 100.0
"""Distance of a relaxation that takes back what the caller chose: offered after any change of a figure."""


class Clearance(WithoutSettings):
    """Out: targets that may not see so sensitive a request. Nothing the caller changes would admit them."""

    name: ClassVar[str] = "clearance"
    hard: ClassVar[bool] = True

    def reject(self, context: RoutingContext, candidates: Sequence[TargetView]) -> Sequence[Rejection]:
        """Reject those cleared for less than the request's sensitivity."""
        needed = context.classification.sensitivity
        found = context.classification.detected_kinds
        because = f" (found: {', '.join(found)})" if found else ""
        return [
            Rejection(
                view.spec.name,
                self.name,
                f"cleared for {view.spec.clearance.label}, the request is {needed.label}{because}",
            )
            for view in candidates
            if view.spec.clearance < needed
        ]


class Region(WithoutSettings):
    """Out, where the caller's data must stay in a region: targets elsewhere, or whose region is not known.

    `eu` holds `eu-west-1`; `eu-west-1` does not hold `eu`.
    """

    name: ClassVar[str] = "region"
    hard: ClassVar[bool] = True

    def reject(self, context: RoutingContext, candidates: Sequence[TargetView]) -> Sequence[Rejection]:
        """Reject those outside the caller's region, where it is required."""
        options = context.request.options
        if not options.region_required or not options.region:
            return ()
        region = options.region.lower()
        return [
            Rejection(
                view.spec.name,
                self.name,
                f"in {view.spec.region or 'an unknown region'}, the data must stay in {options.region}",
                "region_required false",
                REVERSAL,
            )
            for view in candidates
            if view.spec.region.lower() != region and not view.spec.region.lower().startswith(region + "-")
        ]


class Exclude(WithoutSettings):
    """Out: the targets, backends and aliases that the caller excludes."""

    name: ClassVar[str] = "exclude"
    hard: ClassVar[bool] = True

    def reject(self, context: RoutingContext, candidates: Sequence[TargetView]) -> Sequence[Rejection]:
        """Reject those excluded."""
        excluded = context.request.options.exclude
        if not excluded:
            return ()
        named = _named(excluded, context)
        return [
            Rejection(view.spec.name, self.name, "excluded by the caller", "leaving it out of exclude", REVERSAL)
            for view in candidates
            if view.spec.name in named or view.spec.backend in named
        ]


class Allow(WithoutSettings):
    """Out, where the caller allows some targets, backends or aliases: all others."""

    name: ClassVar[str] = "allow"
    hard: ClassVar[bool] = True

    def reject(self, context: RoutingContext, candidates: Sequence[TargetView]) -> Sequence[Rejection]:
        """Reject those not allowed."""
        allowed = context.request.options.allow
        if not allowed:
            return ()
        named = _named(allowed, context)
        return [
            Rejection(view.spec.name, self.name, "not among those the caller allows", "adding it to allow", REVERSAL)
            for view in candidates
            if view.spec.name not in named and view.spec.backend not in named
        ]


class Restriction(WithoutSettings):
    """Out, where the configuration means a kind of request for some targets only: all others."""

    name: ClassVar[str] = "restriction"
    hard: ClassVar[bool] = True

    def reject(self, context: RoutingContext, candidates: Sequence[TargetView]) -> Sequence[Rejection]:
        """Reject those that the matching section does not name."""
        preference = context.preference
        if preference is None or not preference.restrict or not preference.targets:
            return ()
        return [
            Rejection(view.spec.name, self.name, f"{context.steered_by} is only for {whom(preference)}")
            for view in candidates
            if view.spec.name not in preference.targets
        ]


def _named(names: Iterable[str], context: RoutingContext) -> set[str]:
    """The names themselves and the targets of those that are aliases."""
    named = set(names)
    for name in names:
        named.update(context.aliases.get(name, ()))
    return named
