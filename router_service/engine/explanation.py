"""Says for a person why nothing fits, and what would."""

from collections.abc import Sequence

from router_service.domain.decision import Decision, Rejection


def explain_empty(decision: Decision) -> str:
    """Per target the constraint that removed it, and the nearest relaxation that would admit one."""
    if not decision.rejections:
        asked = f' of "{decision.requested_model}"' if decision.requested_model else ""
        return f"no target{asked} can serve this request: none is configured for this use"
    count = len(decision.rejections)
    lines = ["the only target does not fit" if count == 1 else f"none of {count} targets fits"]
    lines += [f"{one.target}: {one.filter}: {one.reason}" for one in decision.rejections]
    return "; ".join([*lines, *nearest_relaxation(decision.rejections)])


def nearest_relaxation(rejections: Sequence[Rejection]) -> tuple[str, ...]:
    """What the least change would admit, and which change; empty: nothing that the caller can change would."""
    offers = [one for one in rejections if one.relaxation]
    nearest = min(offers, key=lambda one: (one.distance, one.target), default=None)
    return () if nearest is None else (f"{nearest.relaxation} would admit {nearest.target}",)
