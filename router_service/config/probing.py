"""Whether an Ollama answers on this machine: asked once, when a configuration is made out of what is there."""

import json
import urllib.error
import urllib.request
from collections.abc import Mapping

BASE_URL_VARIABLE = "OLLAMA_BASE_URL"
DEFAULT_BASE_URL = "http://127.0.0.1:11434"
PATIENCE_SECONDS = 0.5


def ollama_models(environment: Mapping[str, str]) -> tuple[str, ...] | None:
    """The models of the Ollama at OLLAMA_BASE_URL (default: this host's); None: none answers within half a second."""
    base_url = environment.get(BASE_URL_VARIABLE) or DEFAULT_BASE_URL
    try:
        with urllib.request.urlopen(f"{base_url.rstrip('/')}/api/tags", timeout=PATIENCE_SECONDS) as answer:
            listed = json.load(answer)
        return tuple(str(model["name"]) for model in listed["models"])
    except (urllib.error.URLError, OSError, ValueError, KeyError, TypeError):
        return None
