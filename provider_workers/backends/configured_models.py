"""The models that a configuration names, and what a provider's list of models, or the lack of one, says of them."""

from collections.abc import Iterable

from provider_workers.backends.base import BackendDescription, ModelDescription, ProviderFailure
from provider_workers.settings import BackendSettings
from service_common.failures import FailureClass
from service_common.vocabulary import ModelMode, WorkerState

NOT_LISTED = "its provider does not list this model: is the name right?"


def configured(settings: BackendSettings) -> tuple[ModelDescription, ...]:
    """The models that the configuration names, with nothing known about them."""
    return tuple(described(name) for name in settings.models)


def described(name: str, doubt: str = "") -> ModelDescription:
    """A model of which only the name is known, and perhaps what speaks against it."""
    return ModelDescription(name, mode_of(name), doubt=doubt)


def mode_of(model: str) -> ModelMode | None:
    """What a model is for, where its name says that; None: the router goes by what it knows."""
    return ModelMode.EMBEDDING if "embed" in model.lower() else None


def doubts(models: Iterable[ModelDescription]) -> str:
    """What is doubtful about the models, each thing once, for a person; empty: nothing is."""
    doubted = [model for model in models if model.doubt]
    unlisted = [model.model for model in doubted if model.doubt == NOT_LISTED]
    told = dict.fromkeys(model.doubt for model in doubted if model.doubt != NOT_LISTED)
    return "; ".join((*((f"the provider does not list {', '.join(unlisted)}",) if unlisted else ()), *told))


def without_list(settings: BackendSettings, failure: ProviderFailure) -> BackendDescription:
    """The backend whose list of models could not be had. A server without such a list is not unhealthy for that."""
    if failure.http_status in (404, 405) and settings.models:
        said = f"the provider lists no models ({failure.message}): is base_url right?"
        doubted = tuple(described(name, said) for name in settings.models)
        return BackendDescription(doubted, WorkerState.READY, said)
    models = configured(settings)
    if failure.failure_class in (FailureClass.RATE_LIMITED, FailureClass.OVERLOADED):
        return BackendDescription(models, WorkerState.READY, failure.message)
    said = f"{failure.failure_class.label}: {failure.message}"
    return BackendDescription(models, WorkerState.UNHEALTHY, said, failure.failure_class)
