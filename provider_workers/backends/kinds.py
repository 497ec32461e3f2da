"""The kinds of backends and where each is made.

A kind's module is loaded only in the worker that serves it: litellm costs 5 s and 180 MB to import, and a worker for
another kind shall not pay that.
"""

from collections.abc import Mapping
from importlib import import_module
from types import MappingProxyType
from typing import Protocol, cast

from provider_workers.backends.base import BackendAdapter
from provider_workers.settings import BackendSettings
from service_common.clock import Clock
from service_common.vocabulary import Locality

KINDS: Mapping[str, str] = MappingProxyType(
    {
        "openai_wire": "provider_workers.backends.openai_wire.factory",
        "ollama": "provider_workers.backends.ollama.factory",
        "litellm": "provider_workers.backends.litellm.factory",
    }
)


class _Factory(Protocol):
    def create(self, settings: BackendSettings, locality: Locality, clock: Clock) -> BackendAdapter: ...


def create_backend(settings: BackendSettings, locality: Locality, clock: Clock) -> BackendAdapter:
    """The adapter for the settings' kind. Call it inside the running event loop.

    Raises:
        ValueError: no such kind, or a setting that the kind does not take.
        OSError: a file that the settings name cannot be read.
    """
    if settings.kind not in KINDS:
        raise ValueError(f'no backend kind "{settings.kind}"; known: {", ".join(KINDS)}')
    factory = cast("_Factory", import_module(KINDS[settings.kind]))
    return factory.create(settings, locality, clock)
