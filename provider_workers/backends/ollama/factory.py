"""Makes the adapter of this kind; `provider_workers.backends.kinds` loads this module by name."""

from provider_workers.backends.base import BackendAdapter
from provider_workers.backends.ollama.adapter import OllamaBackend
from provider_workers.settings import BackendSettings
from service_common.clock import Clock


def create(settings: BackendSettings, clock: Clock) -> BackendAdapter:
    """The adapter; see `OllamaBackend`."""
    return OllamaBackend(settings, clock)
