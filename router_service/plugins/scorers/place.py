"""Scorers of where a target is: in memory, near the caller, the one that this caller had before."""

from collections.abc import Sequence
from typing import ClassVar
from zlib import crc32

from router_service.contracts.plugins import RoutingContext, Scores
from router_service.domain.target import TargetSpec, TargetView
from router_service.plugins.settings import WithoutSettings
from service_common.facts.table import LOCAL_PROVIDERS
from service_common.vocabulary import Locality


class Residency(WithoutSettings):
    """A model that is in memory (or is somebody else's to load) 1; a local one that must be loaded first 0."""

    name: ClassVar[str] = "residency"

    def score(self, context: RoutingContext, candidates: Sequence[TargetView]) -> Scores:
        """One value per candidate."""
        return Scores([1.0 if view.resident or not _must_load(view.spec) else 0.0 for view in candidates])


class Nearness(WithoutSettings):
    """In the caller's region 1, in its part of the world (`eu` of `eu-west-1`) 0.7, not known 0.3, elsewhere 0.

    A target on this host or in its network is near whatever its region says. Without a caller's region: 1.
    """

    name: ClassVar[str] = "nearness"

    def score(self, context: RoutingContext, candidates: Sequence[TargetView]) -> Scores:
        """One value per candidate."""
        region = context.request.options.region.lower()
        if not region:
            return Scores([1.0] * len(candidates))
        return Scores([_nearness(view.spec, region) for view in candidates])


class Affinity(WithoutSettings):
    """Callers of one key are kept on one target: each key has an order of all targets (rendezvous hashing).

    The order of the targets that stay does not change when others come or go. Without a key: 1.
    """

    name: ClassVar[str] = "affinity"

    def score(self, context: RoutingContext, candidates: Sequence[TargetView]) -> Scores:
        """One value per candidate."""
        key = context.request.options.affinity_key
        if not key:
            return Scores([1.0] * len(candidates))
        return Scores([crc32(f"{key}\n{view.spec.name}".encode()) / 0xFFFFFFFF for view in candidates])


def _must_load(spec: TargetSpec) -> bool:
    return spec.provider in LOCAL_PROVIDERS and not spec.remote


def _nearness(spec: TargetSpec, region: str) -> float:
    if spec.locality is not Locality.REMOTE:
        return 1.0
    own = spec.region.lower()
    if not own:
        return 0.3
    if own == region or own.startswith(region + "-"):
        return 1.0
    return 0.7 if own.partition("-")[0] == region.partition("-")[0] else 0.0
