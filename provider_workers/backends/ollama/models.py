"""Which models an Ollama has, and what it says of each (`/api/tags`, `/api/show`, `/api/ps`)."""

from collections.abc import Iterable, Mapping
from typing import Any

from provider_workers.backends.base import ModelDescription
from service_common.vocabulary import ModelMode

_ABILITIES = {"tools": "tools", "vision": "vision", "thinking": "reasoning"}
LATEST = ":latest"


def same_name(name: str) -> str:
    """The name without the tag that Ollama adds by itself: `llama3.1` for `llama3.1:latest`."""
    return name.removesuffix(LATEST)


def listed_models(tags: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The entries of `/api/tags` or `/api/ps` by name, without `:latest`.

    Raises:
        ValueError: the answer has another shape.
    """
    entries = tags.get("models")
    if entries is None and "models" in tags:
        return {}  # an Ollama without models says null
    if not isinstance(entries, list):
        raise ValueError("the list of models has an unknown shape")
    named = [(entry.get("model") or entry.get("name"), entry) for entry in entries if isinstance(entry, dict)]
    return {same_name(name): entry for name, entry in named if name}


def announced(configured: Iterable[str], listed: Iterable[str], *, discover: bool) -> tuple[list[str], list[str]]:
    """The names to announce, and the configured ones that are not there. Configured spellings are kept."""
    there = set(listed)
    present = [name for name in configured if same_name(name) in there]
    missing = [name for name in configured if same_name(name) not in there]
    known = {same_name(name) for name in present}
    found = sorted(there - known) if discover else []
    return [*present, *found], missing


def is_remote(entry: Mapping[str, Any], name: str) -> bool:
    """Whether the model runs in Ollama's cloud: such prompts leave the host."""
    return bool(entry.get("remote_host") or entry.get("remote_model")) or name.endswith(("-cloud", ":cloud"))


def description(name: str, entry: Mapping[str, Any], shown: Mapping[str, Any]) -> ModelDescription:
    """A model by its entry in the list and its `/api/show`."""
    capabilities = shown.get("capabilities") or ()
    facts = shown.get("model_info") or {}
    architecture = facts.get("general.architecture", "")
    embedding = "embedding" in capabilities or (not capabilities and "embed" in name)
    abilities = {ability for word, ability in _ABILITIES.items() if word in capabilities}
    if not embedding:
        abilities |= {"json_schema", "prefill"}
    return ModelDescription(
        model=name,
        mode=ModelMode.EMBEDDING if embedding else ModelMode.CHAT,
        context_window=_count(facts.get(f"{architecture}.context_length")),
        abilities=frozenset(abilities),
        embedding_dimensions=_count(facts.get(f"{architecture}.embedding_length")) if embedding else 0,
        remote=is_remote(entry, name) or is_remote(shown, name),
    )


def _count(value: object) -> int:
    return value if isinstance(value, int) and value > 0 else 0
