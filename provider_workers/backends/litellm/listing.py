"""Lists of models that cost nothing, of the providers behind litellm that have one; litellm has no call for it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from provider_workers.backends.base import ProviderFailure
from provider_workers.backends.error_responses import response_failure
from provider_workers.backends.http import ProviderHttp, read_error_body, read_json
from provider_workers.settings import BackendSettings
from service_common.clock import Clock
from service_common.failures import FailureClass


@dataclass(frozen=True, slots=True)
class _Endpoint:
    """Where a provider lists its models: below `base_url`, `entries` with a `name` each, opened by `key_header`."""

    base_url: str
    path: str
    key_header: str
    entries: str
    name: str
    headers: Mapping[str, str] = field(default_factory=dict)


_ENDPOINTS: Mapping[str, _Endpoint] = {
    "anthropic": _Endpoint(
        "https://api.anthropic.com",
        "v1/models?limit=1000",
        "x-api-key",
        "data",
        "id",
        {"anthropic-version": "2023-06-01"},
    ),
    "gemini": _Endpoint(
        "https://generativelanguage.googleapis.com/v1beta", "models?pageSize=1000", "x-goog-api-key", "models", "name"
    ),
}


class ModelList:
    """Asks one provider for the names of its models."""

    def __init__(self, endpoint: _Endpoint, settings: BackendSettings, clock: Clock) -> None:
        """Open no connection yet; call inside the running event loop.

        Raises:
            OSError: the file of certificate authorities cannot be read.
        """
        self._endpoint = endpoint
        self._clock = clock
        base_url = settings.base_url.removesuffix("/messages").removesuffix("/v1") or endpoint.base_url
        key = {endpoint.key_header: settings.api_key} if settings.api_key else {}
        self._http = ProviderHttp(replace(settings, base_url=base_url), {**endpoint.headers, **key})

    async def names(self) -> frozenset[str]:
        """The names as requests spell them.

        Raises:
            ProviderFailure: the provider refuses, cannot be reached, or is another one.
        """
        async with self._http.exchange("GET", self._endpoint.path) as response:
            if not 200 <= response.status < 300:
                body = await read_error_body(response)
                raise response_failure(response.status, response.headers, body, self._clock.wall())
            listed = (await read_json(response)).get(self._endpoint.entries)
        if not isinstance(listed, list):
            said = "the list of models has an unknown shape: is base_url the provider's address?"
            raise ProviderFailure(FailureClass.STREAM_BROKEN, said)
        named = (entry.get(self._endpoint.name) for entry in listed if isinstance(entry, dict))
        return frozenset(str(name).removeprefix("models/") for name in named if name)

    async def close(self) -> None:
        """Close every socket."""
        await self._http.close()


def model_list(settings: BackendSettings, clock: Clock) -> ModelList | None:
    """The list of the settings' provider; None where it has none that costs nothing."""
    endpoint = _ENDPOINTS.get(settings.provider)
    return None if endpoint is None else ModelList(endpoint, settings, clock)


def is_listed(model: str, names: frozenset[str]) -> bool:
    """Whether a list has the model, or a dated version of it: providers take short names that they do not list."""
    plain = model.removesuffix("-latest")
    return model in names or any(
        name.startswith(f"{plain}-") and name.removeprefix(f"{plain}-").isdigit() for name in names
    )
