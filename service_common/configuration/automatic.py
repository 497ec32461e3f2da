"""A configuration out of what is there: keys in the environment, an Ollama that answers, else simulated providers."""

from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from service_common.configuration.own_providers import own_file, providers_for
from service_common.configuration.providers import OLLAMA, load_providers
from service_common.configuration.references import all_variables_in, is_secret_reference
from service_common.configuration.surroundings import is_offline, is_set, providers_used, unused_credentials
from service_common.configuration.writing import to_yaml
from service_common.model_names import plain_model

NOTE = "# Note: "
"""Begins the lines that say what was found and is not used."""

_HEAD = "# Made by trunkline from what was found. Keys stay where they are: these are references.\n"

EMBEDDING = "embedding"
"""The alias that names one model, the first that was found: vectors of two models cannot be compared."""

Target = tuple[str, dict[str, Any]]


def provider_variables() -> frozenset[str]:
    """Every variable that automatic configuration looks for; what `pick_variables` shall fetch from a `.env`."""
    providers = load_providers()["providers"].values()
    named = {name for provider in providers for use in ("keys", "needs", "passes") for name in provider.get(use) or ()}
    return frozenset(named | {name for p in providers for name in all_variables_in(p.get("base_url", ""))})


def automatic_configuration(
    environment: Mapping[str, str], ollama_models: Sequence[str] | None, simulated: Mapping[str, str]
) -> str:
    """A configuration as YAML text, with references in place of keys.

    Args:
        environment: variables of the process and of `.env`; only whether one is set is read.
        ollama_models: the models of the Ollama that answers; None: none answers.
        simulated: base URLs of running simulated providers by name; those found for real are left out.
    """
    data = providers_for(environment)
    backends: dict[str, Any] = {}
    targets: list[Target] = []
    offline = is_offline(environment)
    for name in providers_used(environment):
        provider = data["providers"][name]
        backends[name] = _backend(name, provider, environment)
        targets += [_target(data, name, model) for model in provider["models"]]
    if ollama_models is not None:
        backends[OLLAMA] = {"kind": OLLAMA, "base_url": data["providers"][OLLAMA]["base_url"], "discover": True}
        targets += [_target(data, OLLAMA, model) for model in ollama_models if len(model.split()) == 1]
    for name, base_url in simulated.items():
        if name not in backends and data["providers"].get(name, {}).get("simulated"):
            backends[name] = _simulated_backend(name, data, base_url)
            targets += [_target(data, name, model) for model in data["providers"][name]["simulated"]]
    notes = "".join(f"{NOTE}{note}\n" for note in unused_credentials(environment))
    own = own_file(environment)
    head = _HEAD if own is None else f"{_HEAD}# {own} went over the providers and models that Trunkline knows.\n"
    return f"{head}{notes}{_render(backends, targets, data, offline=offline)}"


def _backend(name: str, provider: Mapping[str, Any], environment: Mapping[str, str]) -> dict[str, Any]:
    backend: dict[str, Any] = {"kind": provider["kind"], "provider": name}
    if "base_url" in provider:
        backend["base_url"] = provider["base_url"]
    key = _first_set(provider["keys"], environment)
    if key is not None:
        backend["api_key"] = f"${{{key}}}"
    address = provider.get("base_url", "")
    passed = [n for n in provider.get("needs", []) if not (is_secret_reference(address) and n in address)]
    passed += [n for n in provider.get("passes", []) if is_set(n, environment)]
    return backend | ({"environment": passed} if passed else {})


def _simulated_backend(name: str, data: Mapping[str, Any], base_url: str) -> dict[str, Any]:
    kind = data["providers"][name]["kind"]
    return {"kind": kind, "provider": name, "base_url": base_url, "simulated": True}


def _target(data: Mapping[str, Any], backend: str, model: str) -> Target:
    name = f"{backend}/{model}"
    judged = judge_model(data["models"], model)
    settings = {key: judged[key] for key in ("quality", "capabilities") if key in judged}
    aliases = judged.get("aliases", ())
    tags = judged.get("tags") or [tag for alias in aliases for tag in data["tags"].get(alias, ())]
    if tags:
        settings["tags"] = tags
    if EMBEDDING in aliases:
        settings["mode"] = "embedding"
    return name, settings | data["facts"].get(name, {})


def judge_model(judgements: Mapping[str, Any], model: str) -> Mapping[str, Any]:
    """What the data file says of a model, by the first pattern that its bare name matches."""
    bare = model.rsplit("/", 1)[-1].lower()
    judged: Mapping[str, Any] = next(value for pattern, value in judgements.items() if fnmatchcase(bare, pattern))
    return judged


def _render(backends: Mapping[str, Any], targets: Iterable[Target], data: Mapping[str, Any], *, offline: bool) -> str:
    models = dict(targets)
    ranked = sorted(models, key=lambda name: -float(models[name].get("quality", 0)))
    aliases: dict[str, list[str]] = {}
    for name in ranked:
        for alias in judge_model(data["models"], name.partition("/")[2]).get("aliases", ()):
            members = aliases.setdefault(alias, [])
            if alias != EMBEDDING or not members or plain_model(members[0]) == plain_model(name):
                members.append(name)
    content = {
        **({"offline": True} if offline else {}),
        "backends": backends,
        "models": models,
        "aliases": {alias: aliases[alias] for alias in sorted(aliases)},
        "default_profile": "balanced",
    }
    return to_yaml(content)


def _first_set(names: Iterable[str], environment: Mapping[str, str]) -> str | None:
    return next((name for name in names if is_set(name, environment)), None)
