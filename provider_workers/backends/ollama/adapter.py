"""The adapter for Ollama by its own API, which says more than its OpenAI-wire one: facts, resident models, loading."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import Any

from aiohttp import ClientError, ClientResponse
from opentelemetry.context import Context

from provider_workers.backends.base import (
    BackendDescription,
    EmbedWork,
    ModelDescription,
    Piece,
    ProviderFailure,
    Pulling,
    RateLimitLeft,
    Responded,
    Vectors,
    Work,
)
from provider_workers.backends.content import may_be_empty, unsupported
from provider_workers.backends.http import ProviderHttp, read_error_body, read_json
from provider_workers.backends.ndjson import NdjsonParser
from provider_workers.backends.ollama.errors import response_failure
from provider_workers.backends.ollama.models import announced, description, listed_models
from provider_workers.backends.ollama.request import chat_body, embedding_body
from provider_workers.backends.ollama.stream import ChatStream, embeddings, progress
from provider_workers.backends.shapes import broken, word_of
from provider_workers.backends.wires import Address, Wire, json_of
from provider_workers.settings import BackendSettings
from service_common.clock import Clock
from service_common.failures import FailureClass
from service_common.model_names import untagged
from service_common.vocabulary import ModelMode, WorkerState

PULL_IDLE = 1800.0
"""Seconds that a pull may take without progress; checking what was fetched takes minutes for the largest models."""

REST_WAIT = 0.1
"""Seconds that an Ollama may take to end the body behind the last line."""

OTHERS_TIME = 1.0
"""Seconds that one look may take to ask for the facts of models that are not configured."""

_LOG = logging.getLogger(__name__)


class OllamaBackend:
    """One Ollama server."""

    def __init__(self, settings: BackendSettings, clock: Clock) -> None:
        """Open no connection yet; call inside the running event loop.

        Raises:
            OSError: the file of certificate authorities cannot be read.
        """
        self._settings = settings
        self._clock = clock
        authorisation = {"Authorization": f"Bearer {settings.api_key}"} if settings.api_key else {}
        self._http = ProviderHttp(settings, authorisation)
        self._address = Address.of(settings.base_url, Wire.OLLAMA)
        self._shown: dict[tuple[str, object], Mapping[str, Any]] = {}
        self._models: dict[str, ModelDescription] = {}

    def rate_limit(self) -> RateLimitLeft | None:
        """None: Ollama has no rate limit."""
        return None

    def used_up(self, model: str) -> RateLimitLeft | None:
        """None: Ollama has no rate limit."""
        return None

    async def describe(self) -> BackendDescription:
        """By its lists of models, there and in memory."""
        try:
            listed = listed_models(await self._get("api/tags"))
            resident = listed_models(await self._get("api/ps"))
            models, missing = await self._announced(listed)
        except ProviderFailure as failure:
            strange = failure.http_status == 404 and "base_url" not in failure.message
            hint = ": is base_url an Ollama's address?" if strange else ""
            return self._ailing(f"{failure.failure_class.label}: {failure.message}{hint}", failure.failure_class)
        except ValueError as error:
            return self._ailing(f"{error}: is base_url an Ollama's address?")
        self._models = {untagged(model.model): model for model in models}
        in_memory = tuple(model.model for model in models if untagged(model.model) in resident)
        reason = f"not there: {', '.join(missing)}; {self._way_to(missing[0])}" if missing else ""
        state = WorkerState.READY if models or not missing else WorkerState.UNHEALTHY
        return BackendDescription(tuple(models), state, reason, resident_models=in_memory)

    async def complete(self, work: Work) -> AsyncIterator[Sequence[Piece]]:
        """Stream one answer; see `BackendAdapter.complete`."""
        known = self._models.get(untagged(work.model))
        body = chat_body(work, self._settings, known.context_window if known else 0)
        stream = ChatStream(may_be_empty=may_be_empty(work))
        async with self._http.exchange("POST", "api/chat", body, trace_context=work.trace) as response:
            await self._check(response)
            yield (Responded(response.status),)
            while not stream.done:
                chunk = await response.content.readany()
                pieces = stream.feed(chunk) if chunk else stream.end()
                if pieces:
                    yield pieces
                    stream.check()
            await _read_on(response, stream)
            yield (stream.finish(),)

    async def embed(self, work: EmbedWork) -> Vectors:
        """Turn texts into vectors; see `BackendAdapter.embed`."""
        body = embedding_body(work, self._settings)
        return embeddings(await self._post("api/embed", body, work.trace), len(work.request.inputs))

    async def probe(self) -> None:
        """Ask for its version, which loads nothing."""
        await self._get("api/version")

    async def warm_up(self, model: str) -> None:
        """Load a model into memory, with the options that calls have: with others it would be loaded anew for them."""
        known = self._models.get(untagged(model))
        body: dict[str, Any] = {"model": model}
        if self._settings.keep_alive:
            body["keep_alive"] = self._settings.keep_alive
        body.update(self._settings.options)
        if known is not None and known.mode is ModelMode.EMBEDDING:
            await self._post("api/embed", {**body, "input": ""})
        else:
            await self._post("api/generate", {**body, "stream": False})

    async def pull(self, model: str) -> AsyncIterator[Pulling]:
        """Fetch a model, where the configuration allows it; see `BackendAdapter.pull`."""
        if not self._settings.pull:
            raise unsupported(f"fetching models is not allowed here: set backends.{self._settings.name}.pull: true")
        parser = NdjsonParser()
        loop = asyncio.get_running_loop()
        last, until = None, loop.time() + PULL_IDLE
        sizes: dict[str, int] = {}
        async with self._http.exchange("POST", "api/pull", {"model": model, "stream": True}) as response:
            await self._check(response)
            ended = False
            while not ended:
                chunk = await _read_before(until, response, model)
                ended = not chunk
                for step in _steps(parser, chunk):
                    if step != last:  # an Ollama that waits repeats its last step
                        last, until = step, loop.time() + PULL_IDLE
                    sizes[step.status] = step.total_bytes
                    if step.status == "success":  # which Ollama says without a size
                        whole = sum(sizes.values())
                        yield Pulling(step.status, whole, whole)
                        return
                    yield step
        raise broken(f"fetching {model} broke off")

    async def close(self) -> None:
        """Close every socket."""
        await self._http.close()

    def _way_to(self, model: str) -> str:
        """How a model that is not there is fetched."""
        if self._settings.pull and not self._settings.offline:
            return f"`trunkline model pull {self._settings.name}/{model}` fetches it"
        return "`ollama pull` fetches a model"

    def _ailing(self, reason: str, failure: FailureClass | None = None) -> BackendDescription:
        models = tuple(self._models.values()) or tuple(ModelDescription(name) for name in self._settings.models)
        return BackendDescription(models, WorkerState.UNHEALTHY, reason, failure)

    async def _announced(self, listed: Mapping[str, Mapping[str, Any]]) -> tuple[list[ModelDescription], list[str]]:
        """What is there, and the configured names of what is not.

        All that is there is told, as the router's configuration may list more by now than this worker's did at its
        start; the router takes what it allows. Where there is much, what is not configured is told over several looks.
        """
        present, missing, others = announced(self._settings.models, listed)
        models = [await self._described(name, listed[untagged(name)]) for name in present]
        begun = self._clock.now()
        for name in self._told(others, present):
            if self._clock.now() - begun > OTHERS_TIME:
                break
            try:
                models.append(await self._described(name, listed[untagged(name)]))
            except ProviderFailure as failure:  # what nobody may have asked for takes the backend out for nobody
                _LOG.debug("%s is there, but says nothing of itself: %s", name, failure.message)
        return models, missing

    def _told(self, others: Sequence[str], present: Sequence[str]) -> list[str]:
        """What is told beside the configured names; where all of it is used, each model by one name alone."""
        if not self._settings.discover:
            return list(others)
        known = {untagged(name) for name in present}
        return [name for name in others if name == untagged(name) and name not in known]

    async def _described(self, name: str, entry: Mapping[str, Any]) -> ModelDescription:
        """The model's facts; asked for once per version of the model."""
        key = (untagged(name), word_of(entry.get("digest")))
        if key not in self._shown:
            self._shown[key] = await self._post("api/show", {"model": name})
        return description(name, entry, self._shown[key])

    async def _get(self, path: str) -> dict[str, Any]:
        async with self._http.exchange("GET", path) as response:
            await self._check(response)
            return await read_json(response)

    async def _post(self, path: str, body: Mapping[str, Any], trace: Context | None = None) -> dict[str, Any]:
        async with self._http.exchange("POST", path, body, trace_context=trace) as response:
            await self._check(response)
            return await read_json(response)

    async def _check(self, response: ClientResponse) -> None:
        """Raise what an error status means, and what it shows of the address."""
        if not 200 <= response.status < 300:
            body = await read_error_body(response)
            failure = response_failure(response.status, response.headers, body, self._clock.wall())
            raise self._address.remarked(failure, json_of(body))


async def _read_on(response: ClientResponse, stream: ChatStream) -> None:
    """Read what follows the last line, for a moment: it is nothing, and then the connection can be used again.

    Raises:
        ProviderFailure: as `ChatStream.feed`.
    """
    try:
        async with asyncio.timeout(REST_WAIT):
            while chunk := await response.content.readany():
                stream.feed(chunk)
    except (TimeoutError, ClientError):
        return  # the answer is whole


async def _read_before(until: float, response: ClientResponse, model: str) -> bytes:
    """The next bytes of a pull's progress; empty at the body's end."""
    try:
        async with asyncio.timeout_at(until):
            return await response.content.readany()
    except TimeoutError as error:
        said = f"fetching {model} made no progress for {PULL_IDLE:g} s"
        raise ProviderFailure(FailureClass.TIMEOUT_IDLE, said) from error


def _steps(parser: NdjsonParser, chunk: bytes) -> Iterator[Pulling]:
    """The steps that `chunk` completes; none: the body ended, and with it the last line."""
    try:
        lines = parser.feed(chunk) if chunk else parser.end()
    except ValueError as error:
        raise broken(f"the progress holds a malformed line ({error})") from error
    return map(progress, lines)
