"""What a provider's list and the calls to it have shown of its address: whose API it is, and which calls it serves."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from aiohttp import ClientResponse

from provider_workers.backends.base import BackendDescription, ModelDescription, ProviderFailure
from provider_workers.backends.configured_models import doubts, mode_of
from provider_workers.backends.error_responses import response_failure
from provider_workers.backends.http import ProviderHttp, read_error_body
from provider_workers.backends.wires import Address, json_of, with_remark
from service_common.clock import Clock
from service_common.failures import FailureClass
from service_common.vocabulary import ModelMode, WorkerState

_NOWHERE = "base_url does not lead to a provider of this wire"


class CallsSeen:
    """Kept by an adapter. A list in another shape is a doubt, which an answer lifts; a missing call is none."""

    def __init__(self, address: Address, http: ProviderHttp, clock: Clock) -> None:
        """Begin with nothing seen. `clock`: for dates in errors."""
        self._address = address
        self._http = http
        self._clock = clock
        self._foreign = ""
        self._right = False
        self._missing: dict[ModelMode, str] = {}
        self._served: set[ModelMode] = set()

    def listed(self, said: object) -> str:
        """Note a list of models; returns what to say of it where it is another API's."""
        self._foreign = self._address.foreign(said)
        self._right = self._address.lists_models(said)
        return self._foreign

    def answered(self, mode: ModelMode) -> None:
        """A call was answered, so that the address is right whatever its list looks like."""
        self._served.add(mode)
        self._missing.pop(mode, None)

    async def check_list(self, response: ClientResponse) -> None:
        """Raise what an error status means of the list of models, with what it shows of the address."""
        if not 200 <= response.status < 300:
            failure, said = await self._failure(response)
            raise self._address.remarked(failure, said)

    async def check_call(self, response: ClientResponse, mode: ModelMode, model: str) -> None:
        """Raise what an error status means of a call; see `of_call`."""
        if not 200 <= response.status < 300:
            failure, said = await self._failure(response)
            raise self.of_call(failure, said, mode, model)

    async def look_for_missing(self, paths: Mapping[ModelMode, str], models: Sequence[str]) -> None:
        """See whether calls that were not there are there now, at no cost: a model alone is refused as no request then.

        Args:
            paths: of the calls.
            models: that may be named, the surest first: gateways find the way to a provider by the model.

        Raises:
            ProviderFailure: `UNSUPPORTED`, they are not.
        """
        for mode in tuple(self._missing):
            model = next((name for name in models if (mode_of(name) or ModelMode.CHAT) is mode), "")
            async with self._http.exchange("POST", paths[mode], {"model": model} if model else {}) as response:
                if not 200 <= response.status < 300:
                    failure, said = await self._failure(response)
                    if self._lacks_call(failure, said, mode, model):
                        raise self.of_call(failure, said, mode, model)
            self._missing.pop(mode, None)

    def of_call(self, failure: ProviderFailure, said: object, mode: ModelMode, model: str) -> ProviderFailure:
        """The failure of a call, with what its body `said` shows of the address.

        A call that is not there holds for the whole backend; see `Address.lacks_call`.
        """
        foreign = self._address.foreign(said)
        if self._lacks_call(failure, said, mode, model):
            remark = foreign or self._foreign or ("" if _NOWHERE in failure.message else _NOWHERE)
            # What the provider said of a call is that call's alone: it may quote a prompt.
            self._missing[mode] = f"its calls are answered with HTTP {failure.http_status}: {remark or _NOWHERE}"
            return with_remark(failure, remark, backend_wide=True)
        return self._address.remarked(failure, said) if failure.failure_class is FailureClass.AUTH else failure

    def doubted(self, description: BackendDescription) -> BackendDescription:
        """A description with what was seen; one that is not ready has its reason already."""
        if description.state is not WorkerState.READY or not (self._foreign or self._missing):
            return description
        models = tuple(map(self._doubted, description.models))
        return replace(description, models=models, state_reason=doubts(models))

    def _lacks_call(self, failure: ProviderFailure, said: object, mode: ModelMode, model: str) -> bool:
        """Whether no such call is served; one that was answered is, whatever a gateway says of another model."""
        return mode not in self._served and self._address.lacks_call(failure, said, model, right=self._right)

    async def _failure(self, response: ClientResponse) -> tuple[ProviderFailure, object]:
        """What an error is, and its body as JSON."""
        body = await read_error_body(response)
        return response_failure(response.status, response.headers, body, self._clock.wall()), json_of(body)

    def _doubted(self, model: ModelDescription) -> ModelDescription:
        mode = model.mode or ModelMode.CHAT
        foreign = "" if mode in self._served else self._foreign
        return replace(model, doubt=self._missing.get(mode) or foreign or model.doubt)
