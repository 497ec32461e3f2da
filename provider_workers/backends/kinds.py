"""Makes the adapter of each kind of backend: `create` in `provider_workers.backends.<kind>.factory`.

A kind's module is loaded only in the worker that serves it: litellm costs 5 s and 180 MB to import, and a worker for
another kind shall not pay that.
"""

from importlib import import_module
from typing import Protocol, cast

from provider_workers.backends.base import BackendAdapter
from provider_workers.settings import BackendSettings
from service_common.backend_kinds import WORKER_KINDS
from service_common.clock import Clock


class _Factory(Protocol):
    def create(self, settings: BackendSettings, clock: Clock) -> BackendAdapter: ...


def create_backend(settings: BackendSettings, clock: Clock) -> BackendAdapter:
    """The adapter for the settings' kind. Call it inside the running event loop.

    Raises:
        ValueError: no such kind, or a setting that the kind does not take.
        OSError: a file that the settings name cannot be read.
    """
    if settings.kind not in WORKER_KINDS:
        raise ValueError(f'no backend kind "{settings.kind}"; known: {", ".join(WORKER_KINDS)}')
    factory = cast("_Factory", import_module(f"provider_workers.backends.{settings.kind}.factory"))
    return factory.create(settings, clock)
