"""Puts candidates into the order in which they are tried."""

from collections.abc import Sequence

from router_service.domain.decision import Candidate
from router_service.domain.policy import Preference
from router_service.domain.profile import Profile
from router_service.domain.target import TargetView
from router_service.engine.selection import Selection
from service_common.vocabulary import TargetState

NEARLY_USED_UP = 0.05
"""Share of a provider's own rate limit below which others go first."""
_SUSPECT = TargetState.SUSPECT  # a member of an enum takes longer to find than the whole question about a candidate


def arrange(
    ordered: Sequence[Candidate], selection: Selection, preference: Preference | None, profile: Profile
) -> tuple[list[Candidate], tuple[str, ...]]:
    """All candidates in their final order, and the plan.

    An explicit order goes before the picker's: the chain of the alias that was asked for, then the preference of the
    section that steers the request, then the profile's chain; others follow as picked. A target that could not begin
    now (no free slot, its rate limit nearly used up, or silent for a while) goes behind those that can. The plan is cut
    to the profile's number of targets; the last resort is added behind it whatever the number.
    """
    explicit = selection.chain or (preference.targets if preference is not None else ()) or profile.chain
    if explicit:
        ranks = {name: rank for rank, name in enumerate(explicit)}
        last = len(ranks)
        ordered = sorted(ordered, key=lambda candidate: ranks.get(candidate.view.spec.name, last))
    outside = selection.outside
    ready = [one for one in ordered if _can_begin(one.view)]
    if len(ready) != len(ordered):
        ready += [one for one in ordered if not _can_begin(one.view)]
    if outside:
        ready = [one for one in ready if one.view.spec.name != outside]
    plan = [one.view.spec.name for one in ready[: profile.attempts.targets]]
    resort = profile.last_resort
    if resort and resort not in plan and any(one.view.spec.name == resort for one in ordered):
        plan.append(resort)
    if len(ready) != len(ordered):
        ready += [one for one in ordered if one.view.spec.name == outside]
    return ready, tuple(plan)


def _can_begin(view: TargetView) -> bool:
    if view.state is _SUSPECT or view.in_flight >= view.capacity:
        return False
    return view.rate_limit_left is None or view.rate_limit_left > NEARLY_USED_UP
