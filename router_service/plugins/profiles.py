"""The profiles that exist without being written: policies as data. A configuration may override any by its name."""

from collections.abc import Mapping
from types import MappingProxyType

from router_service.domain.profile import Profile

_SINGLE = ("rules", "domains")
"""A profile that is named for one criterion keeps to it: tasks, tiers and lengths do not steer it."""

BUILT_IN_PROFILES: Mapping[str, Profile] = MappingProxyType(
    {
        profile.name: profile
        for profile in (
            Profile(
                "cost",
                {"cost": 1.0},
                settings={"required_quality": {"default": 0.8}},
                follows=_SINGLE,
            ),
            Profile("latency", {"latency": 1.0}, follows=_SINGLE),
            Profile("quality", {"quality": 1.0}, follows=_SINGLE),
            Profile("balanced", {"quality": 0.4, "cost": 0.3, "latency": 0.3}),
            Profile("round_robin", {"load": 1.0}, picker="round_robin", follows=_SINGLE),
            Profile("least_loaded", {"load": 1.0}, follows=_SINGLE),
        )
    }
)
