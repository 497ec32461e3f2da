"""Pickers by chance. All chance comes from the injected generator, so that a seed gives the same order again."""

from collections.abc import Sequence
from math import log
from typing import ClassVar

from pydantic import BaseModel, Field

from router_service.contracts.plugins import RoutingContext
from router_service.domain.decision import Candidate
from router_service.plugins.settings import Settings, WithoutSettings


class Shuffled(WithoutSettings):
    """Any order, all equally likely."""

    name: ClassVar[str] = "random"

    def order(self, context: RoutingContext, candidates: Sequence[Candidate]) -> Sequence[Candidate]:
        """A random permutation."""
        return context.random.sample(candidates, len(candidates))


class WeightedByHealth:
    """Healthier targets come first more often: drawn one by one with their health as weight, at least `least`.

    Efraimidis and Spirakis (2006): the order of log(u) / weight for uniform u is such a draw without replacement.
    """

    name: ClassVar[str] = "weighted_by_health"

    class Model(Settings):
        """Settings of the picker.

        Attributes:
            least: smallest weight, so that a target that failed is tried again.
        """

        least: float = Field(default=0.1, gt=0, le=1)

    settings_model: ClassVar[type[BaseModel]] = Model

    def __init__(self, settings: Model) -> None:
        """Keep the least weight."""
        self._least = settings.least

    def order(self, context: RoutingContext, candidates: Sequence[Candidate]) -> Sequence[Candidate]:
        """A weighted random permutation."""
        least = self._least
        return _drawn(context, candidates, [max(least, one.view.metrics.health) for one in candidates])


class WeightedByScore:
    """Better targets come first more often: drawn one by one with the score raised to `sharpness` as weight."""

    name: ClassVar[str] = "weighted_random"

    class Model(Settings):
        """Settings of the picker.

        Attributes:
            sharpness: 0 ignores the score, 1 follows it, more prefers the best more clearly.
            least: smallest weight.
        """

        sharpness: float = Field(default=1.0, ge=0)
        least: float = Field(default=0.01, gt=0, le=1)

    settings_model: ClassVar[type[BaseModel]] = Model

    def __init__(self, settings: Model) -> None:
        """Keep the settings."""
        self._sharpness = settings.sharpness
        self._least = settings.least

    def order(self, context: RoutingContext, candidates: Sequence[Candidate]) -> Sequence[Candidate]:
        """A weighted random permutation."""
        return _drawn(context, candidates, [max(self._least, one.score**self._sharpness) for one in candidates])


class TwoChoices(WithoutSettings):
    """Two at random, the less loaded of them first (Mitzenmacher 1996); the others follow by score."""

    name: ClassVar[str] = "two_choices"

    def order(self, context: RoutingContext, candidates: Sequence[Candidate]) -> Sequence[Candidate]:
        """The less loaded of two first."""
        if len(candidates) < 2:
            return candidates
        drawn = context.random.sample(range(len(candidates)), 2)
        first = min((candidates[index] for index in drawn), key=_load)
        return [first, *(one for one in candidates if one is not first)]


def _drawn(context: RoutingContext, candidates: Sequence[Candidate], weights: Sequence[float]) -> list[Candidate]:
    draw = context.random.random
    keys = [log(1.0 - draw()) / weight for weight in weights]
    order = sorted(range(len(candidates)), key=keys.__getitem__, reverse=True)
    return [candidates[index] for index in order]


def _load(candidate: Candidate) -> float:
    return candidate.view.load
