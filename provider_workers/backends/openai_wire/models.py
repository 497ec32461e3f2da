"""What a provider's list of models (`GET /models`) says of the backend."""

from collections.abc import Iterable, Mapping
from typing import Any

from provider_workers.backends.base import BackendDescription, ModelDescription, ProviderFailure
from provider_workers.settings import BackendSettings
from service_common.failures import FailureClass
from service_common.vocabulary import ModelMode, WorkerState

NOT_LISTED = "its provider does not list this model: is the name right?"

_WINDOW_KEYS = ("context_window", "context_length", "max_model_len", "max_context_length")


def described(settings: BackendSettings, listed: Mapping[str, Any]) -> BackendDescription:
    """The backend as its list of models describes it. Configured models that are not listed are named as a state."""
    entries = listed.get("data")
    if not isinstance(entries, list):
        return BackendDescription(
            configured(settings),
            WorkerState.UNHEALTHY,
            "the list of models has an unknown shape: is base_url the provider's address?",
        )
    found = {entry["id"]: _model(entry) for entry in entries if isinstance(entry, dict) and entry.get("id")}
    names = dict.fromkeys((*settings.models, *(found if settings.discover else ())))
    models = tuple(found.get(name) or _unlisted(name, NOT_LISTED if found else "") for name in names)
    return BackendDescription(models, WorkerState.READY, doubts(models))


def failing(settings: BackendSettings, failure: ProviderFailure) -> BackendDescription:
    """The backend whose list of models could not be had. A server without such a list is not unhealthy for that."""
    models = configured(settings)
    if failure.http_status in (404, 405) and models:
        said = f"the provider lists no models ({failure.message}): is base_url right?"
        doubted = tuple(_unlisted(model.model, said) for model in models)
        return BackendDescription(doubted, WorkerState.READY, said)
    if failure.failure_class in (FailureClass.RATE_LIMITED, FailureClass.OVERLOADED):
        return BackendDescription(models, WorkerState.READY, failure.message)
    said = f"{failure.failure_class.label}: {failure.message}"
    return BackendDescription(models, WorkerState.UNHEALTHY, said, failure.failure_class)


def configured(settings: BackendSettings) -> tuple[ModelDescription, ...]:
    """The models that the configuration names, with nothing known about them."""
    return tuple(ModelDescription(name, mode_of(name)) for name in settings.models)


def mode_of(model: str) -> ModelMode | None:
    """What a model is for, where its name says that; None: the router goes by what it knows."""
    return ModelMode.EMBEDDING if "embed" in model.lower() else None


def doubts(models: Iterable[ModelDescription]) -> str:
    """The models that the provider does not list, for a person; empty: it lists all."""
    unlisted = [model.model for model in models if model.doubt]
    return f"the provider does not list {', '.join(unlisted)}" if unlisted else ""


def _unlisted(name: str, doubt: str) -> ModelDescription:
    return ModelDescription(name, mode_of(name), doubt=doubt)


def _model(entry: Mapping[str, Any]) -> ModelDescription:
    name = str(entry["id"])
    window = next((entry[key] for key in _WINDOW_KEYS if isinstance(entry.get(key), int)), 0)
    return ModelDescription(name, mode_of(name), context_window=window)
