"""Scorers of how well a target fits the request: capabilities, preferences, tier."""

from collections.abc import Sequence
from typing import ClassVar

from pydantic import BaseModel, Field

from router_service.contracts.plugins import RoutingContext, Scores
from router_service.domain.request import CapabilityRequirement
from router_service.domain.target import TargetSpec, TargetView
from router_service.plugins.settings import Settings, WithoutSettings
from service_common.money import NANO_PER_DOLLAR
from service_common.vocabulary import Complexity


class CapabilityMatch:
    """The more of the asked capabilities, and the cheaper, the better.

    Raw figure: 3 x required + preferred + 100 x (0.05 - dollars per 1K tokens), where required and preferred are the
    sums of the target's ratings (1..10) of the capabilities that the request requires and prefers, and the dollars
    are the expected ones of this request. A capability that is not rated counts as 5 where the target lists it by
    name, else as 0; an unknown price as $0.05 (nothing gained). The value is 0.5 + raw / (2 (|raw| + scale)): it
    lies in 0..1, keeps the order of the raw figures, and is 0.5 for 0.
    """

    name: ClassVar[str] = "capability_match"

    class Model(Settings):
        """Settings of the scorer.

        Attributes:
            scale: raw figure whose value is 0.75.
        """

        scale: float = Field(default=30.0, gt=0)

    settings_model: ClassVar[type[BaseModel]] = Model

    def __init__(self, settings: Model) -> None:
        """Keep the scale."""
        self._scale = settings.scale

    def score(self, context: RoutingContext, candidates: Sequence[TargetView]) -> Scores:
        """One value per candidate."""
        options = context.request.options
        raw = []
        for view in candidates:
            expectation = context.expectations[view.spec.name]
            tokens = max(1, expectation.input_tokens + expectation.output_tokens)
            per_1k = 0.05 if expectation.cost is None else expectation.cost * 1000 / (NANO_PER_DOLLAR * tokens)
            required = _ratings(view.spec, options.required_capabilities)
            preferred = _ratings(view.spec, options.preferred_capabilities)
            raw.append(3 * required + preferred + 100 * (0.05 - per_1k))
        scale = self._scale
        return Scores([0.5 + figure / (2 * (abs(figure) + scale)) for figure in raw], raw)


class PreferenceRank(WithoutSettings):
    """The place in the list of the section that steers the request: first 1, last 1/n, others 0; 1 where none does."""

    name: ClassVar[str] = "preference"

    def score(self, context: RoutingContext, candidates: Sequence[TargetView]) -> Scores:
        """One value per candidate."""
        preference = context.preference
        if preference is None or not preference.targets:
            return Scores([1.0] * len(candidates))
        count = len(preference.targets)
        ranks = {name: (count - place) / count for place, name in enumerate(preference.targets)}
        return Scores([ranks.get(view.spec.name, 0.0) for view in candidates])


class Tier:
    """The tier nearest to what the complexity asks for: 1 for the same, 1/2 one away, 1/3 two away.

    A model's `tier` is a number from 1 (small) up, 0 where none is configured: then the value is 0.5.
    """

    name: ClassVar[str] = "tier"

    class Model(Settings):
        """Settings of the scorer: the tier that each complexity asks for."""

        simple: int = Field(default=1, ge=1)
        medium: int = Field(default=2, ge=1)
        complex: int = Field(default=3, ge=1)
        code: int = Field(default=3, ge=1)

    settings_model: ClassVar[type[BaseModel]] = Model

    def __init__(self, settings: Model) -> None:
        """Keep the tiers."""
        self._wanted = {
            Complexity.SIMPLE: settings.simple,
            Complexity.MEDIUM: settings.medium,
            Complexity.COMPLEX: settings.complex,
            Complexity.CODE: settings.code,
        }

    def score(self, context: RoutingContext, candidates: Sequence[TargetView]) -> Scores:
        """One value per candidate."""
        wanted = self._wanted[context.classification.complexity]
        return Scores([1 / (1 + abs(view.spec.tier - wanted)) if view.spec.tier else 0.5 for view in candidates])


def _ratings(spec: TargetSpec, asked: Sequence[CapabilityRequirement]) -> int:
    total = 0
    for capability in asked:
        listed = capability.name in spec.tags or capability.name in spec.abilities
        total += spec.capabilities.get(capability.name, 5 if listed else 0)
    return total
