"""Whether an Ollama answers on this machine: asked once, when a configuration is made out of what is there."""

import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from urllib.parse import urlsplit

from service_common.configuration import MissingVariables, is_offline
from service_common.configuration.own_providers import providers_for
from service_common.configuration.providers import OLLAMA
from service_common.configuration.references import substitute
from service_common.model_names import untagged
from service_common.network import is_local_name

PATIENCE_SECONDS = 0.5


def ollama_models(environment: Mapping[str, str]) -> tuple[str, ...] | None:
    """The models of the Ollama where the data file of providers says it is; None: none answers within half a second.

    As its worker names what it discovers: without the tag `latest`, which Ollama adds by itself.

    Offline, nobody outside is asked where it is.

    Raises:
        ConfigurationErrors: the data file has mistakes.
    """
    try:
        base_url = substitute(providers_for(environment)["providers"][OLLAMA]["base_url"], environment)
    except MissingVariables:
        return None
    if is_offline(environment) and not is_local_name(urlsplit(base_url).hostname or ""):
        return None
    # no proxy lies between a host and itself
    near = urlsplit(base_url).hostname in ("127.0.0.1", "::1", "localhost")
    opener = urllib.request.build_opener(*([urllib.request.ProxyHandler({})] if near else []))
    try:
        with opener.open(f"{base_url.rstrip('/')}/api/tags", timeout=PATIENCE_SECONDS) as answer:
            listed = json.load(answer)
        return tuple(untagged(str(model["name"])) for model in listed["models"])
    except (urllib.error.URLError, OSError, ValueError, KeyError, TypeError):
        return None
