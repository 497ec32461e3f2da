"""Vectors of two models cannot be compared, so an embedding falls back only to the same model elsewhere."""

from msgspec.structs import replace

from router_service.domain.decision import Decision, Rejection
from service_common.model_names import plain_model

SAME_MODEL = "same_model"
"""What puts targets of another model aside: as a filter, though none that a profile can name."""


def keep_one_model(decision: Decision) -> Decision:
    """The decision with a plan of one model only: that of its first target.

    Models are the same where their names are, but for the vendor before a slash and the tag `latest`.
    """
    if not decision.plan:
        return decision
    model = plain_model(decision.plan[0])
    plan = tuple(target for target in decision.plan if plain_model(target) == model)
    reason = f"its vectors cannot be compared with those of {decision.plan[0]}"
    others = tuple(
        Rejection(target, SAME_MODEL, reason, "name it as the model") for target in decision.plan if target not in plan
    )
    candidates = tuple(candidate for candidate in decision.candidates if plain_model(candidate.target) == model)
    return replace(decision, plan=plan, candidates=candidates, rejections=(*decision.rejections, *others))
