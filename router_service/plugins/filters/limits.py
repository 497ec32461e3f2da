"""Filters about limits of time, money and quality."""

from collections.abc import Sequence
from typing import ClassVar

from pydantic import BaseModel, Field

from router_service.contracts.plugins import RoutingContext
from router_service.domain.decision import Rejection, Waivable, Waiver
from router_service.domain.target import TargetView
from router_service.plugins.settings import Settings, WithoutSettings
from router_service.plugins.words import dollars, dollars_above, seconds

FARTHEST = 1e12
"""The distance of a relaxation from nothing at all; not infinite, since a decision may be kept as JSON."""

_EXPECTED = 0
"""Gravity of a waiver: an expectation alone speaks against it."""


class Deadline(WithoutSettings):
    """Out: targets that typically take longer than the time left.

    A target without measurements is held to its first token alone: its speed is a guess, and a guess about the
    length of an answer on top of it should not keep it from being tried at all. Where no target is expected to finish
    in time, the fastest are tried nevertheless: an expectation may be wrong.
    """

    name: ClassVar[str] = Waivable.DEADLINE.value
    hard: ClassVar[bool] = True

    def reject(self, context: RoutingContext, candidates: Sequence[TargetView]) -> Sequence[Rejection]:
        """Reject those that cannot finish in time."""
        left = context.time_left
        expected = context.expectations
        out = []
        for view in candidates:
            name = view.spec.name
            expectation = expected[name]
            typical = expectation.latency if view.metrics.samples else expectation.first_token
            if typical > left:
                out.append(
                    Rejection(
                        name,
                        self.name,
                        f"typically takes {seconds(typical)}, {seconds(left)} are left",
                        f"a deadline of {seconds(typical + 0.1)}",
                        _excess(typical, left),
                        Waiver(_EXPECTED, typical) if left > 0 else None,
                    )
                )
        return out


class MaxCost(WithoutSettings):
    """Out: targets whose expected cost exceeds what is left of the caller's limit, and those of unknown price."""

    name: ClassVar[str] = "max_cost"
    hard: ClassVar[bool] = True

    def reject(self, context: RoutingContext, candidates: Sequence[TargetView]) -> Sequence[Rejection]:
        """Reject those too dear; what earlier attempts of the call cost counts as spent."""
        limit = context.request.options.max_cost
        if limit is None:
            return ()
        spent = context.spent
        out = []
        for view in candidates:
            cost = context.expectations[view.spec.name].cost
            if cost is None:
                out.append(Rejection(view.spec.name, self.name, "its price is not known"))
            elif cost + spent > limit:
                already = f" after {dollars(spent)} already spent" if spent else ""
                out.append(
                    Rejection(
                        view.spec.name,
                        self.name,
                        f"expected {dollars(cost)}{already}, at most {dollars(limit)}",
                        f"max_cost {dollars_above(cost + spent)}",
                        _excess(cost + spent, limit),
                    )
                )
        return out


class MaxCostPer1k(WithoutSettings):
    """Out: targets whose expected cost per 1,000 tokens of this request exceeds the caller's limit."""

    name: ClassVar[str] = "max_cost_per_1k"
    hard: ClassVar[bool] = True

    def reject(self, context: RoutingContext, candidates: Sequence[TargetView]) -> Sequence[Rejection]:
        """Reject those too dear per 1,000 tokens, and those of unknown price."""
        limit = context.request.options.max_cost_per_1k
        if limit is None:
            return ()
        out = []
        for view in candidates:
            expectation = context.expectations[view.spec.name]
            tokens = max(1, expectation.input_tokens + expectation.output_tokens)
            if expectation.cost is None:
                out.append(Rejection(view.spec.name, self.name, "its price is not known"))
                continue
            per_1k = -(-expectation.cost * 1000 // tokens)
            if per_1k > limit:
                out.append(
                    Rejection(
                        view.spec.name,
                        self.name,
                        f"{dollars(per_1k)} per 1K tokens, at most {dollars(limit)}",
                        f"max_cost_per_1k {dollars_above(per_1k)}",
                        _excess(per_1k, limit),
                    )
                )
        return out


class MaxLatency(WithoutSettings):
    """Out: targets whose expected time to the whole answer exceeds the caller's limit."""

    name: ClassVar[str] = "max_latency"
    hard: ClassVar[bool] = True

    def reject(self, context: RoutingContext, candidates: Sequence[TargetView]) -> Sequence[Rejection]:
        """Reject those too slow."""
        limit = context.request.options.max_latency
        if limit is None:
            return ()
        expected = context.expectations
        return [
            Rejection(
                view.spec.name,
                self.name,
                f"expected {seconds(expected[view.spec.name].latency)}, at most {seconds(limit)}",
                f"max_latency {expected[view.spec.name].latency + 0.05:.1f}s",
                _excess(expected[view.spec.name].latency, limit),
            )
            for view in candidates
            if expected[view.spec.name].latency > limit
        ]


class RequiredQuality:
    """Out: targets below the quality that the caller requires, or that the profile wishes for.

    The caller's figure is a constraint. The profile's `default` is a wish: where no candidate reaches it, it does not
    apply, so that a cheap set of models is still usable.
    """

    name: ClassVar[str] = "required_quality"
    hard: ClassVar[bool] = False

    class Model(Settings):
        """Settings of the filter.

        Attributes:
            default: quality wished for where the caller requires none, 0..1; 0: none.
        """

        default: float = Field(default=0.0, ge=0, le=1)

    settings_model: ClassVar[type[BaseModel]] = Model

    def __init__(self, settings: Model) -> None:
        """Keep the default."""
        self._default = settings.default

    def reject(self, context: RoutingContext, candidates: Sequence[TargetView]) -> Sequence[Rejection]:
        """Reject those of lower quality."""
        asked = context.request.options.required_quality
        least = self._default if asked is None else asked
        if least <= 0:
            return ()
        task = context.classification.task.label
        below = [(view, quality) for view in candidates if (quality := view.quality(task)) < least]
        if asked is None and len(below) == len(candidates):
            return ()
        whose = "required" if asked is not None else f"wished for by the profile {context.profile.name}"
        return [
            Rejection(
                view.spec.name,
                self.name,
                f"quality {quality:.2f}, {least:.2f} is {whose}",
                f"required_quality {int(quality * 100) / 100:.2f}",
                (least - quality) / least,
            )
            for view, quality in below
        ]


def _excess(needed: float, limit: float) -> float:
    return needed / limit - 1 if limit > 0 else FARTHEST
