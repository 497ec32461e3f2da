"""What is assumed where the file says nothing: profiles that exist anyway, and where known providers are."""

import copy
from collections.abc import Mapping
from typing import Any

from service_common.configuration.providers import OLLAMA, load_providers
from service_common.packaged import packaged_yaml


def built_in_profiles() -> dict[str, Any]:
    """The profiles that exist without being written, as a file would write them."""
    loaded: dict[str, Any] = packaged_yaml("service_common.configuration", "built_in_profiles.yaml")
    return loaded


def with_defaults(data: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of a file's content with built-in profiles and the providers' addresses put in."""
    filled = copy.deepcopy(dict(data))
    written = filled.get("profiles")
    if written is None or isinstance(written, dict):
        own = written or {}
        built_in = built_in_profiles()
        merged = {name: {**profile, **_mapping(own.get(name))} for name, profile in built_in.items()}
        broken = {name: profile for name, profile in own.items() if not isinstance(profile, dict | None)}
        filled["profiles"] = {**merged, **{n: p for n, p in own.items() if n not in built_in}, **broken}
    backends = filled.get("backends")
    if isinstance(backends, dict):
        providers = load_providers()["providers"]
        for name, backend in backends.items():
            if isinstance(backend, dict):
                _fill_backend(name, backend, providers)
    return filled


def _fill_backend(name: str, backend: dict[str, Any], providers: Mapping[str, Any]) -> None:
    provider = backend.get("provider") or (OLLAMA if backend.get("kind") == OLLAMA else name)
    backend.setdefault("provider", provider)
    known = providers.get(provider, {}) if isinstance(provider, str) else {}
    if "base_url" not in backend and known.get("kind") == backend.get("kind") and "base_url" in known:
        backend["base_url"] = known["base_url"]


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
