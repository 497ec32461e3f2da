"""Checks of backends that the schema alone cannot make: where each is, and whether its library knows the provider."""

from collections.abc import Collection, Iterator

from service_common.backend_kinds import BACKEND_KINDS
from service_common.configuration.backends import BackendSection
from service_common.configuration.mistakes import Finding, Path
from service_common.configuration.providers import load_providers
from service_common.configuration.schema import Configuration
from service_common.facts import FactsTable
from service_common.near_names import did_you_mean


def check_backends(configuration: Configuration, facts: FactsTable | None) -> Iterator[Finding]:
    """Backends that say nowhere where they are, and providers that litellm does not know."""
    for name, backend in configuration.backends.items():
        kind = BACKEND_KINDS[backend.kind]
        if kind.needs_address and not backend.base_url:
            yield _nowhere(("backends", name), name, backend)
        if facts is not None and kind.through_litellm and (backend.provider or name) not in facts.litellm_providers:
            yield _unknown_provider(("backends", name, "provider"), name, backend, facts.litellm_providers)


def _nowhere(path: Path, name: str, backend: BackendSection) -> Finding:
    provider = backend.provider or name
    known = [other for other, it in load_providers()["providers"].items() if it["kind"] == backend.kind]
    question = "" if provider in known else did_you_mean(provider, known)
    said = f'this has no base_url, and the address of a provider "{provider}" is not known.'
    return Finding(path, said, f"Say its base_url. {question}".rstrip())


def _unknown_provider(path: Path, name: str, backend: BackendSection, known: Collection[str]) -> Finding:
    provider = backend.provider or name
    advice = did_you_mean(provider, known) or "Say its provider, as litellm names it."
    return Finding(path, f'litellm knows no provider "{provider}".', advice)
