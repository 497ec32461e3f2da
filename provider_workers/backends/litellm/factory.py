"""Makes the adapter of this kind; `provider_workers.backends.kinds` loads this module by name."""

import os
from importlib import import_module

from yarl import URL

from provider_workers.backends.base import BackendAdapter
from provider_workers.backends.proxies import named_proxy
from provider_workers.settings import BackendSettings
from service_common.clock import Clock

_QUIET = {
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",  # else importing it fetches a map of prices
    "LITELLM_MODE": "PRODUCTION",  # else it reads a .env of its own, with other backends' keys
    "LITELLM_LOCAL_ANTHROPIC_BETA_HEADERS": "True",  # else the first request to Anthropic fetches a list
    "LITELLM_LOCAL_BLOG_POSTS": "True",
    "LITELLM_TELEMETRY": "False",
    "LITELLM_HTTP2": "False",  # else its clients have a transport without limits, see transport.py
    "DISABLE_AIOHTTP_TRANSPORT": "False",
    "REPEATED_STREAMING_CHUNK_LIMIT": "1000000000",  # else an answer with a hundred equal chunks is an error
}
_SOMEWHERE = "https://provider.invalid"
"""For a provider whose own address litellm knows: they all are behind TLS."""


def create(settings: BackendSettings, clock: Clock) -> BackendAdapter:
    """The adapter; see `LiteLLMBackend`. Takes seconds, as importing litellm does.

    Raises:
        ValueError: litellm is not installed.
        ProxyError: the environment names a proxy that is none.
    """
    os.environ.update(_QUIET)  # before the import: litellm reads them while it is imported
    if settings.proxied:
        named_proxy(URL(settings.base_url or _SOMEWHERE))  # litellm would say so at every call, and not by its name
    else:
        os.environ.update({"NO_PROXY": "*", "no_proxy": "*"})
    try:
        adapter = import_module("provider_workers.backends.litellm.adapter")
    except ModuleNotFoundError as error:
        if error.name != "litellm":
            raise
        raise ValueError("litellm is not installed: pip install 'trunkline[litellm]'") from error
    backend: BackendAdapter = adapter.LiteLLMBackend(settings, clock)
    if not settings.missing:
        import_module("provider_workers.backends.litellm.warming").warm()
    return backend
