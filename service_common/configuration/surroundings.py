"""What in the environment keeps the automatic configuration from using a provider: half a credential, no address."""

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from service_common.configuration.backends import may_have_query
from service_common.configuration.mistakes import Mistake
from service_common.configuration.own_providers import providers_for
from service_common.configuration.providers import OLLAMA
from service_common.configuration.references import MissingVariables, all_variables_in, has_reference, substitute
from service_common.network import may_be_inside
from service_common.urls import fault_of_url

OFFLINE_VARIABLE = "TRUNKLINE_OFFLINE"


def is_offline(environment: Mapping[str, str]) -> bool:
    """Whether TRUNKLINE_OFFLINE asks that nothing outside is used."""
    return environment.get(OFFLINE_VARIABLE, "").strip().lower() in ("1", "true", "yes", "on")


def is_set(name: str, environment: Mapping[str, str]) -> bool:
    """Whether a variable says anything."""
    return bool(environment.get(name, "").strip())


def is_configured(provider: Mapping[str, Any], environment: Mapping[str, str]) -> bool:
    """Whether a provider's key and all else that it needs are set; `provider` is an entry of the data file."""
    return provider.get("keys") is not None and not _missing(provider, environment)


def providers_found(environment: Mapping[str, str]) -> tuple[str, ...]:
    """The names of the providers whose key and other needed variables are set, in the order of the data file."""
    providers = providers_for(environment)["providers"]
    return tuple(name for name, provider in providers.items() if is_configured(provider, environment))


def providers_used(environment: Mapping[str, str]) -> tuple[str, ...]:
    """Those of `providers_found` that the automatic configuration uses: offline, the ones whose address may be near."""
    found = providers_found(environment)
    if not is_offline(environment):
        return found
    providers = providers_for(environment)["providers"]
    return tuple(name for name in found if _may_be_near(providers[name], environment))


def unused_credentials(environment: Mapping[str, str]) -> Iterator[str]:
    """Why a provider that is set up at least in part is not used, for a person; a sentence for each."""
    for name, provider in providers_for(environment)["providers"].items():
        named = [*(provider.get("keys") or ()), *provider.get("needs", ())]
        present = [variable for variable in named if is_set(variable, environment)]
        missing = _missing(provider, environment)
        if present and missing:
            yield f"{name} is not used: {_are(present)} set, {_are(missing)} not."
        elif present and is_offline(environment) and not _may_be_near(provider, environment):
            yield f"{name} is not used, though {_are(present)} set: {OFFLINE_VARIABLE} leaves out all that is outside."


def wrong_addresses(environment: Mapping[str, str]) -> tuple[Mistake, ...]:
    """The variables that should hold the address of a provider that is used, and do not."""
    used = (*providers_used(environment), OLLAMA)
    providers = providers_for(environment)["providers"]
    return tuple(
        Mistake(
            "the environment",
            0,
            " and ".join(all_variables_in(providers[name]["base_url"])),
            f"this is no address of {name}: {fault}.",
            "Correct it, or leave it unset.",
        )
        for name in used
        if (fault := _fault(name, providers[name].get("base_url", ""), environment))
    )


def _may_be_near(provider: Mapping[str, Any], environment: Mapping[str, str]) -> bool:
    """Whether a provider's address may be on this host or in a private network; its worker looks closer."""
    try:
        host = urlsplit(substitute(provider.get("base_url", ""), environment).strip()).hostname
    except (MissingVariables, ValueError):  # each is told as such where the provider is used
        return False
    return may_be_inside(host or "")


def _missing(provider: Mapping[str, Any], environment: Mapping[str, str]) -> list[str]:
    """What a provider lacks; of several variables that may hold its key, the first."""
    keys = provider.get("keys") or ()
    keyless = keys[:1] if not any(is_set(name, environment) for name in keys) else []
    return [*keyless, *(name for name in provider.get("needs", ()) if not is_set(name, environment))]


def _are(names: list[str]) -> str:
    return f"{' and '.join(names)} {'is' if len(names) == 1 else 'are'}"


def _fault(provider: str, base_url: str, environment: Mapping[str, str]) -> str:
    """What is wrong with an address that refers to the environment; empty: nothing."""
    if not has_reference(base_url):
        return ""
    try:
        address = substitute(base_url, environment).strip()
        return fault_of_url(address, may_query=may_have_query(provider)) if address else ""
    except MissingVariables:  # which is told as such
        return ""
