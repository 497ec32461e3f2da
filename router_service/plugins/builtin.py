"""The plugins that come with the router. To add one of your own, see docs/plugins.md."""

from typing import Any

from router_service.plugins.classifiers.complexity import ComplexityRules
from router_service.plugins.classifiers.domain import DomainRules
from router_service.plugins.classifiers.needs import CapabilitiesNeeded, OutputLength
from router_service.plugins.classifiers.sensitivity import SensitivityDetector
from router_service.plugins.classifiers.task import TaskRules
from router_service.plugins.filters.ability import Abilities, Capability, ContextWindow, MinContext, Retired, Use
from router_service.plugins.filters.limits import Deadline, MaxCost, MaxCostPer1k, MaxLatency, RequiredQuality
from router_service.plugins.filters.rights import Allow, Clearance, Exclude, Region, Restriction
from router_service.plugins.filters.state import Attached, Availability, Circuit, Enabled
from router_service.plugins.pickers.chance import Shuffled, TwoChoices, WeightedByHealth, WeightedByScore
from router_service.plugins.pickers.ordered import Best, LeastRecentlyFailed, RoundRobin
from router_service.plugins.registry import PluginRegistry
from router_service.plugins.scorers.condition import Headroom, Health, Load, SuccessRate
from router_service.plugins.scorers.economy import Cost, Latency, Quality
from router_service.plugins.scorers.fit import CapabilityMatch, PreferenceRank, Tier
from router_service.plugins.scorers.place import Affinity, Nearness, Residency
from service_common.vocabulary import PluginKind

_CLASSIFIERS: tuple[type[Any], ...] = (
    CapabilitiesNeeded,
    TaskRules,
    ComplexityRules,
    OutputLength,
    SensitivityDetector,
    DomainRules,
)
_STATE: tuple[type[Any], ...] = (Use, Enabled, Attached, Circuit)
_RIGHTS: tuple[type[Any], ...] = (Clearance, Region, Exclude, Allow, Restriction)
_ABILITY: tuple[type[Any], ...] = (Retired, Abilities, Capability, ContextWindow, MinContext)
_LIMITS: tuple[type[Any], ...] = (Deadline, MaxCost, MaxCostPer1k, MaxLatency, RequiredQuality, Availability)
_SCORERS: tuple[type[Any], ...] = (
    *(Cost, Latency, Quality, Load, SuccessRate, Health, Headroom),
    *(CapabilityMatch, PreferenceRank, Tier, Residency, Nearness, Affinity),
)
_PICKERS: tuple[type[Any], ...] = (
    *(Best, RoundRobin, LeastRecentlyFailed),
    *(Shuffled, WeightedByHealth, WeightedByScore, TwoChoices),
)


def built_in_plugins() -> PluginRegistry:
    """A new registry with everything that comes with the router, in the order in which plugins are asked."""
    registry = PluginRegistry()
    for kind, plugins in (
        (PluginKind.CLASSIFIER, _CLASSIFIERS),
        (PluginKind.FILTER, (*_STATE, *_RIGHTS, *_ABILITY, *_LIMITS)),
        (PluginKind.SCORER, _SCORERS),
        (PluginKind.PICKER, _PICKERS),
    ):
        for plugin in plugins:
            registry.add(kind, plugin)
    return registry
