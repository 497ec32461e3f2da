"""Runs the filters, and says of each removed target why, and what would admit it."""

from collections.abc import Mapping, Sequence

from msgspec import Struct

from router_service.contracts.plugins import Filter, RoutingContext
from router_service.domain.decision import NOTHING_LATER, Rejection
from router_service.domain.target import TargetView
from router_service.engine.pardon import NO_PARDON, pardon, passing


class Admission(Struct, frozen=True):
    """What came of the filters.

    Attributes:
        views: the targets that may serve.
        rejections: one for each other target.
        waived: filters that were passed over, since nothing else was left; `views` are in the order to try then.
        later: where nothing is left, the targets that time alone brings back, and when (monotonic seconds).
    """

    views: Sequence[TargetView]
    rejections: tuple[Rejection, ...] = ()
    waived: frozenset[str] = frozenset()
    later: Mapping[str, float] = NOTHING_LATER


def admit(
    context: RoutingContext, views: Sequence[TargetView], hard: Sequence[Filter], soft: Sequence[Filter]
) -> Admission:
    """The targets that may serve, and a rejection for each other one.

    Every hard filter sees every target, so that a relaxation is only offered where it would really admit; a soft
    filter compares those that are left, and sees only them. Where the hard ones leave nothing, those whose rejections
    may be waived are left.
    """
    reasons: dict[str, list[Rejection]] = {}
    for plugin in hard:
        for rejection in plugin.reject(context, views):
            reasons.setdefault(rejection.target, []).append(rejection)
    left = [view for view in views if view.spec.name not in reasons] if reasons else views
    pardoned = NO_PARDON if left else pardon(views, reasons)
    later = NOTHING_LATER if left or pardoned.views else passing(reasons)
    for view in pardoned.views:
        del reasons[view.spec.name]
    left = left or pardoned.views
    offered = [view for view in views if _is_relaxable(reasons.get(view.spec.name))] if reasons else ()
    for plugin in soft:
        removed = plugin.reject(context, left)
        if removed:
            names = {rejection.target for rejection in removed}
            left = [view for view in left if view.spec.name not in names]
        for rejection in (*removed, *plugin.reject(context, offered)) if offered else removed:
            reasons.setdefault(rejection.target, []).append(rejection)
    if not reasons:  # nearly always
        return Admission(left, waived=pardoned.waived)
    rejections = tuple([_merged(reasons[view.spec.name]) for view in views if view.spec.name in reasons])
    return Admission(left, rejections, pardoned.waived, later)


def _is_relaxable(found: Sequence[Rejection] | None) -> bool:
    """Whether there are reasons, and the caller could change every one."""
    return found is not None and all(one.relaxation for one in found)


def _merged(found: Sequence[Rejection]) -> Rejection:
    """The first reason, with all the relaxations that it takes; none where one of the reasons cannot be relaxed."""
    first = found[0]
    if len(found) == 1:
        return first
    if not all(one.relaxation for one in found):
        return Rejection(first.target, first.filter, first.reason)
    return Rejection(
        first.target,
        first.filter,
        first.reason,
        " and ".join(one.relaxation for one in found),
        sum(one.distance for one in found),
    )
