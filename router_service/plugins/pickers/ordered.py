"""Pickers without chance: the best first, or everyone in turn."""

from collections.abc import Sequence
from typing import ClassVar

from router_service.contracts.plugins import RoutingContext
from router_service.domain.decision import Candidate
from router_service.plugins.settings import WithoutSettings


class Best(WithoutSettings):
    """Best score first; ties by name."""

    name: ClassVar[str] = "best"

    def order(self, context: RoutingContext, candidates: Sequence[Candidate]) -> Sequence[Candidate]:
        """As they come."""
        return candidates


class RoundRobin(WithoutSettings):
    """Everyone in turn: the candidates by name, starting at the cursor."""

    name: ClassVar[str] = "round_robin"

    def order(self, context: RoutingContext, candidates: Sequence[Candidate]) -> Sequence[Candidate]:
        """By name, rotated by the cursor."""
        if not candidates:
            return candidates
        ring = sorted(candidates, key=_name)
        start = context.cursor % len(ring)
        return ring[start:] + ring[:start]


class LeastRecentlyFailed(WithoutSettings):
    """Those that never failed first, then the longest ago; equal ones by score."""

    name: ClassVar[str] = "least_recently_failed"

    def order(self, context: RoutingContext, candidates: Sequence[Candidate]) -> Sequence[Candidate]:
        """By the time of the last error."""
        return sorted(candidates, key=_last_error)


def _name(candidate: Candidate) -> str:
    return candidate.view.spec.name


def _last_error(candidate: Candidate) -> float:
    at = candidate.view.last_error_at
    return float("-inf") if at is None else at
