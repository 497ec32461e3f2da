"""Lists of models that cost nothing, of the providers behind litellm that have one; litellm has no call for it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from provider_workers.backends.base import ProviderFailure
from provider_workers.backends.calls_seen import CallsSeen
from provider_workers.backends.http import ProviderHttp, read_json
from provider_workers.backends.wires import Address, Wire
from provider_workers.settings import BackendSettings
from service_common.clock import Clock
from service_common.failures import FailureClass
from service_common.vocabulary import ModelMode


@dataclass(frozen=True, slots=True)
class _Endpoint:
    """Where a provider lists its models: below `base_url`, `entries` with a `name` each, opened by `key_header`.

    `call` is where it is asked for chat, for the `{model}`.
    """

    wire: Wire
    base_url: str
    path: str
    call: str
    key_header: str
    entries: str
    name: str
    headers: Mapping[str, str] = field(default_factory=dict)


_ENDPOINTS: Mapping[str, _Endpoint] = {
    "anthropic": _Endpoint(
        Wire.ANTHROPIC,
        "https://api.anthropic.com",
        "v1/models?limit=1000",
        "v1/messages",
        "x-api-key",
        "data",
        "id",
        {"anthropic-version": "2023-06-01"},
    ),
    "gemini": _Endpoint(
        Wire.GEMINI,
        "https://generativelanguage.googleapis.com/v1beta",
        "models?pageSize=1000",
        "models/{model}:generateContent",
        "x-goog-api-key",
        "models",
        "name",
    ),
}


class ModelList:
    """Asks one provider for the names of its models.

    Attributes:
        calls: what the list, and calls, have shown of the provider's address.
    """

    def __init__(self, endpoint: _Endpoint, settings: BackendSettings, clock: Clock) -> None:
        """Open no connection yet; call inside the running event loop.

        Raises:
            OSError: the file of certificate authorities cannot be read.
        """
        self._endpoint = endpoint
        base_url = settings.base_url.removesuffix("/messages").removesuffix("/v1") or endpoint.base_url
        key = {endpoint.key_header: settings.api_key} if settings.api_key else {}
        self._http = ProviderHttp(replace(settings, base_url=base_url), {**endpoint.headers, **key})
        self.calls = CallsSeen(Address.of(settings.base_url or base_url, endpoint.wire), self._http, clock)

    async def names(self) -> frozenset[str]:
        """The names as requests spell them.

        Raises:
            ProviderFailure: the provider refuses, cannot be reached, or is another one.
        """
        async with self._http.exchange("GET", self._endpoint.path) as response:
            await self.calls.check_list(response)
            answer = await read_json(response)
        foreign = self.calls.listed(answer)
        listed = answer.get(self._endpoint.entries)
        if not isinstance(listed, list):
            said = f"the list of models has an unknown shape: {foreign or 'is base_url the address of this provider?'}"
            raise ProviderFailure(FailureClass.STREAM_BROKEN, said)
        named = (entry.get(self._endpoint.name) for entry in listed if isinstance(entry, dict))
        return frozenset(str(name).removeprefix("models/") for name in named if name)

    async def look_for_calls(self, models: Sequence[str]) -> None:
        """See whether calls that were not there are there now; see `CallsSeen.look_for_missing`."""
        call = self._endpoint.call.format(model=next(iter(models), ""))
        await self.calls.look_for_missing({ModelMode.CHAT: call}, models)

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
