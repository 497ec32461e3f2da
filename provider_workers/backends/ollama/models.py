"""Which models an Ollama has, and what it says of each (`/api/tags`, `/api/show`, `/api/ps`)."""

from collections.abc import Iterable, Mapping
from typing import Any

from provider_workers.backends.base import ModelDescription
from provider_workers.backends.shapes import count_of
from service_common.backend_kinds import BACKEND_KINDS
from service_common.model_names import DEFAULT_TAG, untagged
from service_common.vocabulary import ModelMode

_ABILITIES = {"tools": "tools", "vision": "vision", "thinking": "reasoning"}


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
    return {untagged(name): entry for name, entry in named if isinstance(name, str) and _can_be_sent(name)}


def _can_be_sent(name: str) -> bool:
    """Whether it is a name that a request can hold; an odd one is passed over for the sake of the others."""
    try:
        return bool(name.encode())
    except UnicodeEncodeError:
        return False


def announced(configured: Iterable[str], listed: Iterable[str]) -> tuple[list[str], list[str], list[str]]:
    """The configured names that are there, those that are not, and every other name of what is there.

    Configured spellings are kept. A model without a tag goes by two names, `llama3.1` and `llama3.1:latest`: whoever
    adds it to the configuration later may write either.
    """
    there = set(listed)
    present = [name for name in configured if untagged(name) in there]
    missing = [name for name in configured if untagged(name) not in there]
    others = [name for known in sorted(there) for name in _spellings(known) if name not in present]
    return present, missing, others


def _spellings(name: str) -> tuple[str, ...]:
    return (name,) if ":" in name else (name, f"{name}:{DEFAULT_TAG}")


def is_remote(entry: Mapping[str, Any], name: str) -> bool:
    """Whether the model runs in Ollama's cloud: such prompts leave the host."""
    return bool(entry.get("remote_host") or entry.get("remote_model")) or BACKEND_KINDS["ollama"].runs_in_cloud(name)


def description(name: str, entry: Mapping[str, Any], shown: Mapping[str, Any]) -> ModelDescription:
    """A model by its entry in the list and its `/api/show`."""
    told, facts = shown.get("capabilities"), shown.get("model_info")
    capabilities = told if isinstance(told, list) else []
    facts = facts if isinstance(facts, dict) else {}
    architecture = facts.get("general.architecture", "")
    embedding = "embedding" in capabilities or (not capabilities and "embed" in name)
    abilities = {ability for word, ability in _ABILITIES.items() if word in capabilities}
    if not embedding:
        abilities |= {"json_schema", "prefill"}
    return ModelDescription(
        model=name,
        mode=ModelMode.EMBEDDING if embedding else ModelMode.CHAT,
        context_window=count_of(facts.get(f"{architecture}.context_length")) or 0,
        abilities=frozenset(abilities),
        embedding_dimensions=(count_of(facts.get(f"{architecture}.embedding_length")) or 0) if embedding else 0,
        remote=is_remote(entry, name) or is_remote(shown, name),
    )
