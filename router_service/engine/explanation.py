"""Says for a person why nothing fits, and what would."""

from router_service.domain.decision import Decision, Rejection


def explain_empty(decision: Decision) -> str:
    """Per target the constraint that removed it, and the nearest relaxation that would admit one."""
    if not decision.rejections:
        asked = f' of "{decision.requested_model}"' if decision.requested_model else ""
        return f"no target{asked} can serve this request: none is configured for this use"
    lines = [f"none of {len(decision.rejections)} targets fits"]
    lines += [f"{one.target}: {one.filter}: {one.reason}" for one in decision.rejections]
    nearest = nearest_relaxation(decision)
    if nearest is not None:
        lines.append(f"{nearest.relaxation} would admit {nearest.target}")
    return "; ".join(lines)


def nearest_relaxation(decision: Decision) -> Rejection | None:
    """The rejection that the least change would lift; None: nothing that the caller can change would."""
    offers = [one for one in decision.rejections if one.relaxation]
    return min(offers, key=lambda one: (one.distance, one.target), default=None)
