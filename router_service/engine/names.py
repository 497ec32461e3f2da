"""Checks the names in a request against what exists, and suggests the nearest."""

from collections.abc import Collection, Iterable, Mapping, Sequence

from router_service.contracts.engine import Catalogue
from router_service.domain.errors import InvalidRequest, Violation
from router_service.domain.request import CapabilityRequirement, Request
from router_service.domain.target import TableSnapshot, TargetSpec
from service_common.backend_kinds import BACKEND_KINDS
from service_common.near_names import suggest

STANDARD_CAPABILITIES = frozenset(
    (
        *("reasoning", "coding", "creativity", "speed", "context", "cost", "vision", "tools", "json_schema", "files"),
        *("simple_qa", "complex_reasoning", "code_generation", "code_review", "creative_writing", "summarization"),
        *("translation", "analysis", "classification", "extraction", "general"),
    )
)
"""Capabilities that a request may name although no target has them."""

_FIELD = "routing"


class NameCheck:
    """Finds the names that a request gets wrong."""

    def __init__(self, catalogue: Catalogue, profiles: Collection[str]) -> None:
        """Collect what exists. `profiles`: names of profiles and ensembles."""
        self._catalogue = catalogue
        self._profiles = profiles
        self._domains = [domain.name for domain in catalogue.policy.domains]
        self._capabilities = STANDARD_CAPABILITIES | _capabilities(catalogue.targets.values())

    def check(self, request: Request, snapshot: TableSnapshot) -> None:
        """Raise one error that names every mistake.

        Raises:
            InvalidRequest: a profile, alias, target, backend, capability or domain does not exist.
        """
        options = request.options
        named = options.model or options.exclude or options.allow or options.domain
        asked = options.required_capabilities or options.preferred_capabilities
        if not (named or asked) and (not options.profile or options.profile in self._profiles):
            return
        wrong: list[Violation] = []
        if options.profile and options.profile not in self._profiles:
            wrong.append(_unknown("profile", "profile", options.profile, self._profiles))
        if options.model and not self._is_model(options.model, snapshot):
            wrong.append(_unknown("model", "target or alias", options.model, self._models(snapshot)))
        if options.domain and options.domain not in self._domains:
            wrong.append(_unknown("domain", "domain", options.domain, self._domains))
        for field, names in (("exclude", options.exclude), ("allow", options.allow)):
            wrong += self._unknown_targets(field, names, snapshot)
        required, preferred = options.required_capabilities, options.preferred_capabilities
        for field, asked in (("required_capabilities", required), ("preferred_capabilities", preferred)):
            wrong += self._unknown_capabilities(field, asked, snapshot)
        if wrong:
            raise InvalidRequest(tuple(wrong))

    def _is_target_or_alias(self, name: str, snapshot: TableSnapshot) -> bool:
        catalogue = self._catalogue
        if name in catalogue.aliases or name in catalogue.targets or name in catalogue.chains:
            return True
        view = snapshot.targets.get(name)
        return (view is not None and is_allowed(view.spec, catalogue)) or bool(same_model(name, snapshot, catalogue))

    def _is_model(self, name: str, snapshot: TableSnapshot) -> bool:
        return self._is_target_or_alias(name, snapshot) or bool(other_name(name, snapshot, self._catalogue))

    def _models(self, snapshot: TableSnapshot) -> Sequence[str]:
        catalogue = self._catalogue
        found = [name for name, view in snapshot.targets.items() if is_allowed(view.spec, catalogue)]
        return sorted({*catalogue.aliases, *catalogue.chains, *catalogue.targets, *found})

    def _unknown_targets(self, field: str, names: Sequence[str], snapshot: TableSnapshot) -> Iterable[Violation]:
        backends: Mapping[str, object] = self._catalogue.backends
        for index, name in enumerate(names):
            if name not in backends and not self._is_target_or_alias(name, snapshot):
                known = sorted({*backends, *self._models(snapshot)})
                yield _unknown(f"{field}[{index}]", "target, backend or alias", name, known)

    def _unknown_capabilities(
        self, field: str, asked: Sequence[CapabilityRequirement], snapshot: TableSnapshot
    ) -> Iterable[Violation]:
        for index, requirement in enumerate(asked):
            if requirement.name in self._capabilities:
                continue
            known = self._capabilities | _capabilities(view.spec for view in snapshot.targets.values())
            if requirement.name not in known:
                yield _unknown(f"{field}[{index}].name", "capability", requirement.name, sorted(known))


def is_allowed(spec: TargetSpec, catalogue: Catalogue) -> bool:
    """Whether the configuration lists a target, or lets its backend's workers bring their own."""
    if spec.name in catalogue.targets:
        return True
    backend = catalogue.backends.get(spec.backend)
    return backend is not None and backend.discover


def same_model(model: str, snapshot: TableSnapshot, catalogue: Catalogue) -> tuple[str, ...]:
    """The targets of a model that was named without its backend."""
    known = {name: spec for name, spec in catalogue.targets.items() if spec.model == model}
    known |= {
        name: view.spec
        for name, view in snapshot.targets.items()
        if view.spec.model == model and is_allowed(view.spec, catalogue)
    }
    return tuple(sorted(known))


def other_name(target: str, snapshot: TableSnapshot, catalogue: Catalogue) -> str:
    """The target that goes by two names, where it is known by the other: `ollama/phi4` for `ollama/phi4:latest`.

    Empty: there is none.
    """
    backend, _, model = target.partition("/")
    policy = catalogue.backends.get(backend)
    other = BACKEND_KINDS[policy.kind].other_name(model) if policy is not None and model else ""
    name = f"{backend}/{other}"
    if not other:
        return ""
    view = snapshot.targets.get(name)
    return name if name in catalogue.targets or (view is not None and is_allowed(view.spec, catalogue)) else ""


def _capabilities(specs: Iterable[TargetSpec]) -> frozenset[str]:
    found: set[str] = set()
    for spec in specs:
        found.update(spec.capabilities, spec.tags, spec.abilities)
    return frozenset(found)


def _unknown(field: str, kind: str, name: str, known: Collection[str]) -> Violation:
    hint = suggest(name, known, most=2) or "The configuration has none."
    return Violation(f"{_FIELD}.{field}", f'no {kind} of the name "{name}". {hint}')
