"""Checks between sections: names that must exist, cycles, successors, facts that must be known."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from service_common.backend_kinds import BACKEND_KINDS
from service_common.configuration.cycles import cycles
from service_common.configuration.defaults import built_in_profiles
from service_common.configuration.mistakes import Finding, Path
from service_common.configuration.models import ModelSection
from service_common.configuration.policies import PreferenceSection
from service_common.configuration.schema import Configuration
from service_common.facts import FactsTable, Mode
from service_common.near_names import did_you_mean, suggest

MOST_SUCCESSORS = 100


@dataclass(frozen=True, slots=True)
class Known:
    """The names in a file, also of parts that have mistakes of their own: a name is not unknown for that."""

    backends: frozenset[str]
    discovering: frozenset[str]
    targets: frozenset[str]
    aliases: frozenset[str]
    profiles: frozenset[str]

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> "Known":
        """The names in a file's content (defaults put in)."""
        sections = {name: section for name, section in data.items() if isinstance(section, dict)}
        backends = sections.get("backends", {})
        return cls(
            backends=frozenset(backends),
            discovering=frozenset(n for n, b in backends.items() if isinstance(b, dict) and b.get("discover")),
            targets=frozenset(sections.get("models", {})),
            aliases=frozenset(sections.get("aliases", {})),
            profiles=frozenset(sections.get("profiles", built_in_profiles()))
            | frozenset(sections.get("ensembles", {})),
        )

    def is_target(self, name: str) -> bool:
        """Whether a request may be sent there: it is listed, or its backend may discover it."""
        return name in self.targets or ("/" in name and name.partition("/")[0] in self.discovering)


def check_names(configuration: Configuration, known: Known) -> Iterator[Finding]:
    """Everything that names a target, alias or profile which does not exist, and aliases that lead nowhere."""
    for alias, members in configuration.aliases.items():
        yield from _check_use(("aliases", alias), members, known)
    for way in cycles(configuration.aliases):
        yield Finding(("aliases", way[0]), f"the aliases lead in a circle: {' -> '.join([*way, way[0]])}.")
    for alias, members in configuration.chains.items():
        if alias not in known.aliases:
            yield Finding(("chains", alias), f'no alias "{alias}".', suggest(alias, known.aliases))
        yield from _check_use(("chains", alias), members, known)
    yield from _check_profile(("default_profile",), configuration.default_profile, known)
    for name, profile in configuration.profiles.items():
        if profile.last_resort and not known.is_target(profile.last_resort):
            yield _unknown_target(("profiles", name, "last_resort"), profile.last_resort, known.targets)
        yield from _check_use(("profiles", name, "chain"), profile.chain, known, may_be_empty=True)
    yield from _check_policies(configuration, known)
    yield from _check_ensembles(configuration, known)


def _check_policies(configuration: Configuration, known: Known) -> Iterator[Finding]:
    steering: list[tuple[Path, PreferenceSection]] = [
        *((("tiers", word.label), preference) for word, preference in configuration.tiers.items()),
        *((("tasks", word.label), preference) for word, preference in configuration.tasks.items()),
        *((("domains", name), preference) for name, preference in configuration.domains.items()),
        *((("lengths", position), rule) for position, rule in enumerate(configuration.lengths)),
        *((("rules", position), rule) for position, rule in enumerate(configuration.rules)),
    ]
    for path, preference in steering:
        yield from _check_use((*path, "use"), preference.use, known, may_be_empty=True)
        if preference.profile:
            yield from _check_profile((*path, "profile"), preference.profile, known)
    for section in ("lengths", "rules"):
        for position, rule in enumerate(getattr(configuration, section)):
            for place, domain in enumerate(rule.when.domain):
                if domain not in configuration.domains:
                    hint = suggest(domain, configuration.domains)
                    yield Finding((section, position, "when", "domain", place), f'no domain "{domain}".', hint)


def _check_ensembles(configuration: Configuration, known: Known) -> Iterator[Finding]:
    for name, ensemble in configuration.ensembles.items():
        if name in configuration.profiles:
            yield Finding(("ensembles", name), "a profile has this name already.", "Give the ensemble another.")
        for profile in ensemble.profiles:
            if profile not in configuration.profiles and profile in configuration.ensembles:
                yield Finding(("ensembles", name, "profiles", profile), "an ensemble cannot vote in an ensemble.")
            else:
                yield from _check_profile(("ensembles", name, "profiles", profile), profile, known)


def check_models(
    configuration: Configuration, known: Known, facts: FactsTable | None, today: date | None
) -> Iterator[Finding]:
    """Models whose backend does not exist, whose successor cannot replace them, or of which too little is known."""
    for target, model in configuration.models.items():
        path: Path = ("models", target)
        backend_name, _, model_name = target.partition("/")
        if backend_name not in known.backends:
            yield Finding(path, f'no backend "{backend_name}".', suggest(backend_name, known.backends))
            continue
        yield from _check_successor(configuration.models, target, known, today)
        backend = configuration.backends.get(backend_name)
        # Where workers say all that is there, as an Ollama's do, a model needs no facts: what is not known stays so.
        kind = None if backend is None else BACKEND_KINDS[backend.kind]
        if facts is not None and backend and kind and kind.has_worker and not kind.announces_all_models:
            yield from _check_facts(path, model, facts, backend.provider or backend_name, model_name)


def _check_facts(path: Path, model: ModelSection, facts: FactsTable, provider: str, name: str) -> Iterator[Finding]:
    found = facts.lookup(provider, name)
    if found is None:
        missing = [field for field in ("price", "context_window") if getattr(model, field) is None]
        if missing:
            question = did_you_mean(name, facts.models(provider))
            advice = f"Say its {' and its '.join(missing)}. {question}".rstrip()
            yield Finding(path, f'nothing is known of a model "{name}" of {provider}.', advice)
    elif found.mode in {Mode.RESPONSES, Mode.COMPLETION} and model.mode is None:
        message = f"{provider} serves this model through its {found.mode.value} interface alone, which is not spoken."
        yield Finding(path, message, "Take another model, or say mode: chat if its endpoint serves chat.")


def _check_successor(
    models: Mapping[str, ModelSection], target: str, known: Known, today: date | None
) -> Iterator[Finding]:
    name = models[target].successor
    path: Path = ("models", target, "successor")
    if not name:
        return
    if not known.is_target(name):
        yield _unknown_target(path, name, known.targets - {target})
        return
    seen = {target}
    while name and name in models:
        if name in seen:
            yield Finding(path, "the successors lead back to the model itself.")
            return
        if len(seen) > MOST_SUCCESSORS:
            yield Finding(path, f"more than {MOST_SUCCESSORS} models succeed one another.", "Name the last of them.")
            return
        seen.add(name)
        retires = models[name].retires_on
        own = models[target].retires_on
        if retires is not None and ((own is not None and retires <= own) or (today is not None and retires <= today)):
            later = f", not after {target} itself" if today is None or retires > today else ""
            yield Finding(path, f"{name} retires on {retires}{later}.", "Name one that is still there.")
            return
        name = models[name].successor


def _check_use(path: Path, names: Iterable[str], known: Known, *, may_be_empty: bool = False) -> Iterator[Finding]:
    position = -1
    for position, name in enumerate(names):
        if name in known.aliases or known.is_target(name):
            continue
        if "/" in name:
            yield _unknown_target((*path, position), name, known.targets)
        else:
            yield Finding(
                (*path, position), f'no alias or target "{name}".', suggest(name, known.aliases | known.targets)
            )
    if position < 0 and not may_be_empty:
        yield Finding(path, "this names no target.", "Name at least one, or remove it.")


def _unknown_target(path: Path, name: str, targets: Iterable[str]) -> Finding:
    return Finding(path, f'no target "{name}".', suggest(name, targets))


def _check_profile(path: Path, name: str, known: Known) -> Iterator[Finding]:
    if name not in known.profiles:
        yield Finding(path, f'no profile "{name}".', suggest(name, known.profiles))
