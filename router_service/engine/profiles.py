"""Profiles made ready: the plugins that a profile names, built once per configuration."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from router_service.contracts.engine import Catalogue
from router_service.contracts.plugins import Classifier, Filter, Picker, PluginSource, Scorer
from router_service.domain.decision import ScoreSheet
from router_service.domain.policy import RoutingPolicy
from router_service.domain.profile import Profile
from service_common.vocabulary import PluginKind

VOTE = "vote"
"""The picker's name of an ensemble."""
DOMAIN_CLASSIFIER = "domain"

PluginT = TypeVar("PluginT")


class PluginFailed(Exception):
    """A plugin could not be built.

    Attributes:
        profile: whose settings it was given; empty: it is a classifier, which belongs to none.
        cause: what was raised: by the plugin itself, or because there is none of that name, or its settings are wrong.
    """

    def __init__(self, kind: PluginKind, name: str, profile: str, cause: Exception) -> None:
        """Keep what failed, and why."""
        super().__init__(f'the {kind} "{name}" cannot be built: {cause!r}')
        self.kind = kind
        self.name = name
        self.profile = profile
        self.cause = cause


class ReadyProfile(Struct, frozen=True):
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


class Panel(Struct, frozen=True):
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
        PluginFailed: one cannot be built.
    """

    def built(build: Callable[[str, Mapping[str, Any]], PluginT], kind: PluginKind, name: str) -> PluginT:
        return _built(build, kind, name, profile.settings, profile.name)

    wanted = frozenset(profile.filters)
    names = dict.fromkeys((*plugins.names(PluginKind.FILTER), *profile.filters))
    filters = [built(plugins.filter, PluginKind.FILTER, name) for name in names]
    weighed = {name: weight for name, weight in profile.scorers.items() if weight > 0}
    total = sum(weighed.values())
    weights = tuple(weight / total for weight in weighed.values())
    return ReadyProfile(
        profile=profile,
        hard=tuple(plugin for plugin in filters if plugin.hard),
        soft=tuple(plugin for plugin in filters if not plugin.hard and (not wanted or plugin.name in wanted)),
        scorers=tuple(built(plugins.scorer, PluginKind.SCORER, name) for name in weighed),
        weights=weights,
        picker=built(plugins.picker, PluginKind.PICKER, profile.picker),
        sheet=ScoreSheet(tuple(weighed), weights),
    )


def panels(profiles: Mapping[str, Profile], policy: RoutingPolicy, plugins: PluginSource) -> dict[str, Panel]:
    """Everything that a request may name as its profile: the profiles and the ensembles.

    Raises:
        PluginFailed: as `ready`.
        KeyError: an ensemble names an unknown profile.
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
    """All registered classifiers, with the configuration's settings, in the order in which they are asked.

    Raises:
        PluginFailed: one cannot be built.
    """
    settings = {**policy.classifiers, DOMAIN_CLASSIFIER: _domains(policy)}
    kind = PluginKind.CLASSIFIER
    return tuple(_built(plugins.classifier, kind, name, settings, "") for name in plugins.names(kind))


def _built(
    build: Callable[[str, Mapping[str, Any]], PluginT],
    kind: PluginKind,
    name: str,
    settings: Mapping[str, Any],
    profile: str,
) -> PluginT:
    try:
        return build(name, settings)
    except Exception as error:  # whatever a foreign constructor raises
        raise PluginFailed(kind, name, profile, error) from error


def _domains(policy: RoutingPolicy) -> dict[str, Any]:
    """The section `domains` as the settings of the classifier that recognises them."""
    domains = {
        one.name: {"keywords": one.keywords, "min_keywords": one.min_keywords, "labels": dict(one.labels)}
        for one in policy.domains
    }
    return {"domains": domains}


def _weight(member: tuple[ReadyProfile, float]) -> float:
    return member[1]
