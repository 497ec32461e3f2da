"""What the configuration says, joined with the table of facts, as the values that the router's stages read."""

from collections.abc import Mapping

from router_service.config.policy import build_policy, expand
from router_service.contracts.engine import Catalogue
from router_service.domain.model_facts import abilities_in, mode_in, price_in
from router_service.domain.profile import AttemptLimits, Profile
from router_service.domain.target import UNLIMITED, BackendPolicy, Limits, Price, Priors, TargetSpec
from service_common.backend_kinds import BACKEND_KINDS
from service_common.configuration.backends import BackendSection, PriorsSection
from service_common.configuration.capacity import LimitsSection
from service_common.configuration.models import ModelSection, PriceSection
from service_common.configuration.profiles import ProfileSection
from service_common.configuration.schema import Configuration
from service_common.facts import FactsTable, ModelFacts
from service_common.vocabulary import Locality, ModelMode, Sensitivity

DEFAULT_QUALITY = 0.5

_STREAMING = frozenset({"streaming"})
_STATEABLE = ("mode", "price", "context_window", "max_output", "abilities", "embedding_dimensions")
"""Fields of a target that its configuration may state and its workers may report."""


def build_catalogue(configuration: Configuration, facts: FactsTable) -> Catalogue:
    """The catalogue of one configuration: configured facts over the table's, names resolved, defaults stated."""
    aliases = {name: _flatten(name, configuration.aliases) for name in configuration.aliases}
    return Catalogue(
        version=configuration.version,
        targets={name: build_target(name, model, configuration, facts) for name, model in configuration.models.items()},
        backends={
            name: _backend(name, section, offline=configuration.offline)
            for name, section in configuration.backends.items()
        },
        aliases=aliases,
        profiles={name: _profile(name, section, aliases) for name, section in configuration.profiles.items()},
        default_profile=configuration.default_profile,
        chains={name: expand(members, aliases) for name, members in configuration.chains.items()},
        policy=build_policy(configuration, aliases),
    )


def build_target(name: str, model: ModelSection, configuration: Configuration, facts: FactsTable) -> TargetSpec:
    """A configured target; `router_service.state.merge.discovered` makes those that only workers name."""
    backend_name, _, model_name = name.partition("/")
    backend = configuration.backends[backend_name]
    provider = backend.provider or backend_name
    found = facts.lookup(provider, model_name) or ModelFacts.unlisted(provider, model_name)
    mode = model.mode or mode_in(found)
    remote = BACKEND_KINDS[backend.kind].runs_in_cloud(model_name)
    return TargetSpec(
        name=name,
        backend=backend_name,
        model=model_name,
        provider=provider,
        mode=mode,
        price=_price(model.price, found),
        context_window=model.context_window or found.context_window,
        max_output=model.max_output or found.max_output,
        quality=DEFAULT_QUALITY if model.quality is None else model.quality,
        capabilities=dict(model.capabilities),
        tags=frozenset(model.tags),
        abilities=_abilities(model, found, mode),
        clearance=_clearance(backend, remote=remote),
        locality=Locality.REMOTE,
        region=model.region or backend.region,
        enabled=model.enabled and backend.enabled,
        simulated=backend.simulated,
        remote=remote,
        tier=model.tier,
        embedding_dimensions=model.embedding_dimensions or found.dimensions,
        # A provider's own date of retirement means nothing to what only stands in for it.
        retires_on=model.retires_on or (None if backend.simulated else found.deprecated_on),
        successor=model.successor,
        priors=_priors(model.priors, backend.priors),
        limits=_limits(model.limits),
        configured=_configured(model),
    )


def _configured(model: ModelSection) -> frozenset[str]:
    """The facts that the file itself states, which no worker's report replaces."""
    return frozenset(name for name in _STATEABLE if getattr(model, name) is not None)


def _price(section: PriceSection | None, facts: ModelFacts) -> Price | None:
    if section is None:
        return price_in(facts)
    return Price(section.input, section.output, section.input if section.cached_input is None else section.cached_input)


def _abilities(model: ModelSection, facts: ModelFacts, mode: ModelMode) -> frozenset[str]:
    if model.abilities is not None:
        return frozenset(model.abilities)
    named = abilities_in(facts)
    return named | _STREAMING if mode is ModelMode.CHAT else named


def _clearance(backend: BackendSection, *, remote: bool) -> Sensitivity:
    """What the file grants; the table raises it for a local Ollama, and a cloud model never sees more than internal."""
    granted = backend.clearance or Sensitivity.INTERNAL
    return min(granted, Sensitivity.INTERNAL) if remote else granted


def _backend(name: str, section: BackendSection, *, offline: bool) -> BackendPolicy:
    return BackendPolicy(
        name=name,
        kind=section.kind,
        provider=section.provider or name,
        clearance=section.clearance,
        region=section.region,
        enabled=section.enabled,
        discover=section.discover,
        simulated=section.simulated,
        max_concurrency=_least(section.max_concurrency, section.limits.concurrency),
        limits=_limits(section.limits),
        priors=_priors(section.priors, PriorsSection()),
        offline=offline,
        warm_up=frozenset(section.warm_up),
    )


def _limits(section: LimitsSection) -> Limits:
    limits = Limits(section.requests_per_minute, section.tokens_per_minute, section.concurrency)
    return UNLIMITED if limits == UNLIMITED else limits


def _least(*limits: int | None) -> int | None:
    return min((limit for limit in limits if limit is not None), default=None)


def _priors(own: PriorsSection, inherited: PriorsSection) -> Priors:
    said = {
        name: value
        for section in (inherited, own)
        for name in PriorsSection.model_fields
        if (value := getattr(section, name)) is not None
    }
    return Priors(**said)


def _profile(name: str, section: ProfileSection, aliases: Mapping[str, tuple[str, ...]]) -> Profile:
    attempts = section.attempts
    return Profile(
        name=name,
        scorers=dict(section.scorers),
        picker=section.picker,
        attempts=AttemptLimits(**{field: getattr(attempts, field) for field in type(attempts).model_fields}),
        settings=dict(section.settings),
        filters=section.filters,
        last_resort=section.last_resort,
        follows=section.follows,
        chain=expand(section.chain, aliases),
    )


def _flatten(alias: str, aliases: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """The targets of an alias in order, each once; aliases among its members are replaced by theirs."""
    targets: dict[str, None] = {}
    for member in aliases[alias]:
        found = _flatten(member, aliases) if member in aliases else (member,)
        targets.update(dict.fromkeys(found))
    return tuple(targets)
