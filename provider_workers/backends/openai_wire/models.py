"""What a provider's list of models (`GET /models`) says of the backend."""

from collections.abc import Mapping
from typing import Any

from provider_workers.backends.base import BackendDescription, ModelDescription, ProviderFailure
from provider_workers.settings import BackendSettings
from service_common.failures import FailureClass
from service_common.vocabulary import Locality, ModelMode, WorkerState

_WINDOW_KEYS = ("context_window", "context_length", "max_model_len", "max_context_length")


def described(settings: BackendSettings, locality: Locality, listed: Mapping[str, Any]) -> BackendDescription:
    """The backend as its list of models describes it. Configured models that are not listed are named as a state."""
    entries = listed.get("data")
    if not isinstance(entries, list):
        return BackendDescription(
            configured(settings),
            WorkerState.UNHEALTHY,
            "the list of models has an unknown shape: is base_url the provider's address?",
            locality=locality,
        )
    found = {entry["id"]: _model(entry) for entry in entries if isinstance(entry, dict) and entry.get("id")}
    names = dict.fromkeys((*settings.models, *(found if settings.discover else ())))
    models = tuple(found.get(name) or ModelDescription(name, mode_of(name)) for name in names)
    unknown = [name for name in settings.models if name not in found]
    reason = f"the provider does not list {', '.join(unknown)}" if unknown and found else ""
    return BackendDescription(models, WorkerState.READY, reason, locality=locality)


def failing(settings: BackendSettings, locality: Locality, failure: ProviderFailure) -> BackendDescription:
    """The backend whose list of models could not be had. A server without such a list is not unhealthy for that."""
    models = configured(settings)
    if failure.http_status in (404, 405) and models:
        return BackendDescription(models, WorkerState.READY, "the provider lists no models", locality=locality)
    if failure.failure_class in (FailureClass.RATE_LIMITED, FailureClass.OVERLOADED):
        return BackendDescription(models, WorkerState.READY, failure.message, locality=locality)
    return BackendDescription(
        models, WorkerState.UNHEALTHY, f"{failure.failure_class.label}: {failure.message}", locality=locality
    )


def configured(settings: BackendSettings) -> tuple[ModelDescription, ...]:
    """The models that the configuration names, with nothing known about them."""
    return tuple(ModelDescription(name, mode_of(name)) for name in settings.models)


def mode_of(model: str) -> ModelMode:
    """What a model is for, by its name; where the facts table knows better, the router goes by that."""
    return ModelMode.EMBEDDING if "embed" in model.lower() else ModelMode.CHAT


def _model(entry: Mapping[str, Any]) -> ModelDescription:
    name = str(entry["id"])
    window = next((entry[key] for key in _WINDOW_KEYS if isinstance(entry.get(key), int)), 0)
    return ModelDescription(name, mode_of(name), context_window=window)
