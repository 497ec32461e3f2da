"""From the decision's plan to what the attempt machine needs of each target."""

from collections.abc import Mapping, Sequence

from router_service.dispatch.attempt_plan import PlannedTarget
from router_service.domain.profile import AttemptLimits, Profile
from router_service.domain.target import ENOUGH_SAMPLES, TargetView

SILENT_AFTER = 30.0
SHORTEST_SILENCE = 2.0


def plan_targets(plan: Sequence[str], views: Mapping[str, TargetView], profile: Profile) -> tuple[PlannedTarget, ...]:
    """The targets of a decision's plan, in its order, with their windows, limits and abilities."""
    planned = []
    for name in plan:
        view = views[name]
        planned.append(
            PlannedTarget(
                name=name,
                backend=view.spec.backend,
                context_window=view.spec.context_window,
                can_continue="prefill" in view.spec.abilities,
                first_token_limit=first_token_limit(view, profile.attempts),
                telling_silence=view.metrics.telling_silence,
                hedge_after=hedge_after(view) if profile.attempts.hedge else None,
                last_resort=name == profile.last_resort,
            )
        )
    return tuple(planned)


def hedge_after(view: TargetView) -> float | None:
    """Seconds until a target counts as slow: its 95th percentile, once there are 20 answers to tell it by."""
    return view.metrics.first_token_p95 if view.metrics.samples >= ENOUGH_SAMPLES else None


def first_token_limit(view: TargetView, limits: AttemptLimits) -> float:
    """Seconds until a target counts as silent.

    The profile's own limit where it has one; else, after 20 answers, three times the target's 99th percentile (at
    least 2 s, at most 30 s), because a target far slower than it ever was is most likely stuck; else 30 s.
    """
    if limits.first_token_timeout is not None:
        return limits.first_token_timeout
    usual = view.metrics.usual_silence
    return SILENT_AFTER if usual is None else min(SILENT_AFTER, max(SHORTEST_SILENCE, usual))
