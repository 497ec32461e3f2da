"""Whether an Ollama answers on this machine: asked once, when a configuration is made out of what is there."""

import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from urllib.parse import urlsplit

from service_common.configuration import is_offline
from service_common.model_names import untagged
from service_common.network import is_local_name

BASE_URL_VARIABLE = "OLLAMA_BASE_URL"
DEFAULT_BASE_URL = "http://127.0.0.1:11434"
PATIENCE_SECONDS = 0.5


def ollama_models(environment: Mapping[str, str]) -> tuple[str, ...] | None:
    """The models of the Ollama at OLLAMA_BASE_URL (default: this host's); None: none answers within half a second.

    As its worker names what it discovers: without the tag `latest`, which Ollama adds by itself.

    Offline, nobody outside is asked where it is.
    """
    base_url = environment.get(BASE_URL_VARIABLE) or DEFAULT_BASE_URL
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
