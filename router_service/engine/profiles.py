"""Profiles made ready: the plugins that a profile names, built once per configuration."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from router_service.contracts.engine import Catalogue
from router_service.contracts.plugins import Classifier, Filter, Picker, PluginKind, PluginSource, Scorer
from router_service.domain.decision import ScoreSheet
from router_service.domain.policy import RoutingPolicy
from router_service.domain.profile import Profile

VOTE = "vote"
"""The picker's name of an ensemble."""
DOMAIN_CLASSIFIER = "domain"


@dataclass(frozen=True, slots=True)
class ReadyProfile:
    """A profile with its plugins.

    Attributes:
        weights: of the scorers, in their order, normalised to sum 1.
        sheet: the scorers' names and weights, for the candidates.
    """

    profile: Profile
    hard: tuple[Filter, ...]
    soft: tuple[Filter, ...]
    scorers: tuple[Scorer, ...]
    weights: tuple[float, ...]
    picker: Picker
    sheet: ScoreSheet


@dataclass(frozen=True, slots=True)
class Panel:
    """Who decides: one profile, or the members of an ensemble with their weights (normalised to sum 1).

    Attributes:
        name: of the profile or the ensemble.
        lead: the profile whose attempt limits, chain and last resort hold: the heaviest member's.
    """

    name: str
    members: tuple[tuple[ReadyProfile, float], ...]
    lead: ReadyProfile

    @property
    def picker_name(self) -> str:
        """What ordered the plan."""
        return self.lead.profile.picker if len(self.members) == 1 else VOTE


def ready(profile: Profile, plugins: PluginSource) -> ReadyProfile:
    """Build a profile's plugins.

    Raises:
        KeyError: it names a plugin that does not exist.
        pydantic.ValidationError: a plugin's settings are wrong.
    """
    wanted = frozenset(profile.filters)
    names = dict.fromkeys((*plugins.names(PluginKind.FILTER), *profile.filters))
    filters = [plugins.filter(name, profile.settings) for name in names]
    weighed = {name: weight for name, weight in profile.scorers.items() if weight > 0}
    total = sum(weighed.values())
    weights = tuple(weight / total for weight in weighed.values())
    return ReadyProfile(
        profile=profile,
        hard=tuple(plugin for plugin in filters if plugin.hard),
        soft=tuple(plugin for plugin in filters if not plugin.hard and (not wanted or plugin.name in wanted)),
        scorers=tuple(plugins.scorer(name, profile.settings) for name in weighed),
        weights=weights,
        picker=plugins.picker(profile.picker, profile.settings),
        sheet=ScoreSheet(tuple(weighed), weights),
    )


def panels(profiles: Mapping[str, Profile], policy: RoutingPolicy, plugins: PluginSource) -> dict[str, Panel]:
    """Everything that a request may name as its profile: the profiles and the ensembles.

    Raises:
        KeyError, pydantic.ValidationError: as `ready`; KeyError also where an ensemble names an unknown profile.
    """
    made = {name: ready(profile, plugins) for name, profile in profiles.items()}
    found = {name: Panel(name, ((profile, 1.0),), profile) for name, profile in made.items()}
    for name, weights in policy.ensembles.items():
        total = sum(weights.values())
        members = tuple((made[profile], weight / total) for profile, weight in weights.items())
        found[name] = Panel(name, members, max(members, key=_weight)[0])
    return found


def with_ensembles(catalogue: Catalogue, found: Mapping[str, Panel]) -> Catalogue:
    """A catalogue whose profiles hold the ensembles too: with the limits of their heaviest members."""
    profiles = {name: replace(panel.lead.profile, name=name, picker=panel.picker_name) for name, panel in found.items()}
    return replace(catalogue, profiles=profiles)


def classifiers(policy: RoutingPolicy, plugins: PluginSource) -> tuple[Classifier, ...]:
    """All registered classifiers, with the configuration's settings, in the order in which they are asked."""
    settings = {**policy.classifiers, DOMAIN_CLASSIFIER: _domains(policy)}
    return tuple(plugins.classifier(name, settings) for name in plugins.names(PluginKind.CLASSIFIER))


def _domains(policy: RoutingPolicy) -> dict[str, Any]:
    """The section `domains` as the settings of the classifier that recognises them."""
    domains = {
        one.name: {"keywords": one.keywords, "min_keywords": one.min_keywords, "labels": dict(one.labels)}
        for one in policy.domains
    }
    return {"domains": domains}


def _weight(member: tuple[ReadyProfile, float]) -> float:
    return member[1]
