"""What a provider's list of models (`GET /models`) says of the backend."""

from collections.abc import Mapping
from typing import Any

from provider_workers.backends.base import BackendDescription, ModelDescription
from provider_workers.backends.configured_models import NOT_LISTED, configured, described, doubts, mode_of
from provider_workers.settings import BackendSettings
from service_common.vocabulary import WorkerState

_WINDOW_KEYS = ("context_window", "context_length", "max_model_len", "max_context_length")


def by_list(settings: BackendSettings, listed: Mapping[str, Any], foreign: str = "") -> BackendDescription:
    """The backend as its list of models describes it. Configured models that are not listed are named as a state.

    Args:
        settings: of the backend.
        listed: as the provider sent it.
        foreign: what to say of it where it is another API's list; empty: it is not, as far as can be told.
    """
    entries = listed.get("data")
    if not isinstance(entries, list):
        return BackendDescription(
            configured(settings),
            WorkerState.UNHEALTHY,
            f"the list of models has an unknown shape: {foreign or 'is base_url the address of this provider?'}",
        )
    found = {entry["id"]: _model(entry) for entry in entries if isinstance(entry, dict) and entry.get("id")}
    names = dict.fromkeys((*settings.models, *(found if settings.discover else ())))
    models = tuple(found.get(name) or described(name, NOT_LISTED if found else "") for name in names)
    return BackendDescription(models, WorkerState.READY, doubts(models))


def _model(entry: Mapping[str, Any]) -> ModelDescription:
    name = str(entry["id"])
    window = next((entry[key] for key in _WINDOW_KEYS if isinstance(entry.get(key), int)), 0)
    return ModelDescription(name, mode_of(name), context_window=window)
