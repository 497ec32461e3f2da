"""Scorers of a target's condition: load, success, health, rate limit."""

from collections.abc import Sequence
from operator import attrgetter
from typing import ClassVar

from router_service.contracts.plugins import RoutingContext, Scores
from router_service.domain.target import TargetView
from router_service.plugins.settings import WithoutSettings

_LOAD, _SUCCESS_RATE, _HEALTH = attrgetter("load"), attrgetter("success_rate"), attrgetter("metrics.health")


class Load(WithoutSettings):
    """Less busy is better: 1 / (1 + load), load being attempts in flight and queued per slot. Raw figure: load."""

    name: ClassVar[str] = "load"

    def score(self, context: RoutingContext, candidates: Sequence[TargetView]) -> Scores:
        """One value per candidate."""
        raw = list(map(_LOAD, candidates))
        return Scores([1 / (1 + load) for load in raw], raw)


class SuccessRate(WithoutSettings):
    """The share of attempts that succeeded, else the prior."""

    name: ClassVar[str] = "success_rate"

    def score(self, context: RoutingContext, candidates: Sequence[TargetView]) -> Scores:
        """One value per candidate."""
        return Scores(list(map(_SUCCESS_RATE, candidates)))


class Health(WithoutSettings):
    """Healthier is better: 0.7 success rate + 0.3 max(0, 1 - mean latency / 5 s); see `TargetMetrics.health`."""

    name: ClassVar[str] = "health"

    def score(self, context: RoutingContext, candidates: Sequence[TargetView]) -> Scores:
        """One value per candidate."""
        return Scores(list(map(_HEALTH, candidates)))


class Headroom(WithoutSettings):
    """More of the provider's own rate limit left is better; 1 where it is not known."""

    name: ClassVar[str] = "headroom"

    def score(self, context: RoutingContext, candidates: Sequence[TargetView]) -> Scores:
        """One value per candidate."""
        return Scores([1.0 if view.rate_limit_left is None else view.rate_limit_left for view in candidates])
