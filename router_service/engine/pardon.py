"""Whom to ask where no target passes the filters, for reasons that may have passed or prove wrong."""

from collections.abc import Mapping, Sequence

from msgspec import Struct

from router_service.domain.decision import Rejection, Waivable
from router_service.domain.target import TargetView

Reasons = Mapping[str, Sequence[Rejection]]
"""All rejections by target."""


class Pardon(Struct, frozen=True):
    """`views`: the targets to ask nevertheless, in that order; `waived`: the filters that are passed over for it."""

    views: Sequence[TargetView] = ()
    waived: frozenset[str] = frozenset()


NO_PARDON = Pardon()


def pardon(views: Sequence[TargetView], reasons: Reasons) -> Pardon:
    """The targets whose every rejection may be waived, those of the least grave reasons alone, in their waivers' order.

    An expectation may be wrong and a provider may have recovered: asking can only help where otherwise nothing is
    asked at all.
    """
    ranked: list[tuple[int, float, TargetView]] = []
    for view in views:
        waivers = [one.waiver for one in reasons.get(view.spec.name, ())]
        known = [waiver for waiver in waivers if waiver is not None]
        if known and len(known) == len(waivers):
            gravest = max(known, key=lambda waiver: (waiver.gravity, waiver.order))
            ranked.append((gravest.gravity, gravest.order, view))
    if not ranked:
        return NO_PARDON
    least = min(gravity for gravity, _, _ in ranked)
    chosen = [(order, view) for gravity, order, view in ranked if gravity == least]
    chosen.sort(key=lambda one: (one[0], one[1].spec.name))
    names = {view.spec.name for _, view in chosen}
    waived = frozenset(one.filter for name in names for one in reasons[name])
    return Pardon([view for _, view in chosen], waived)


def passing(reasons: Reasons) -> dict[str, float]:
    """The targets whose every rejection passes by itself, and when (monotonic seconds)."""
    found = {}
    for target, rejections in reasons.items():
        ends = [one.until for one in rejections if one.until is not None]
        if ends and len(ends) == len(rejections):
            found[target] = max(ends)
    return found


def waived_warning(waived: frozenset[str], time_left: float) -> tuple[str, ...]:
    """Says for a person that targets are asked which a filter had put aside."""
    if not waived:
        return ()
    if Waivable.CIRCUIT in waived:
        return ("every circuit is open: the targets are tried nevertheless, the least recently failed first",)
    if Waivable.DEADLINE in waived:
        return (f"every target typically takes longer than the {time_left:.2g} s left: the fastest is tried",)
    return (f"no target passed {' and '.join(sorted(waived))}: tried nevertheless",)
