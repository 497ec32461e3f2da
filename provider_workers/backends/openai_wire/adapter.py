"""The adapter for every provider that speaks OpenAI's wire."""

import asyncio
import math
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from aiohttp import ClientResponse

from provider_workers.backends.base import (
    BackendDescription,
    EmbedWork,
    Piece,
    ProviderFailure,
    Pulling,
    RateLimitLeft,
    Responded,
    Vectors,
    Work,
)
from provider_workers.backends.calls_seen import CallsSeen
from provider_workers.backends.configured_models import without_list
from provider_workers.backends.content import may_be_empty, no_pull
from provider_workers.backends.http import REUSE_GRACE, ProviderHttp, read_json
from provider_workers.backends.openai_wire.dialects import dialect_of
from provider_workers.backends.openai_wire.embeddings import embedding_body, vectors
from provider_workers.backends.openai_wire.models import by_list
from provider_workers.backends.openai_wire.request import chat_body
from provider_workers.backends.openai_wire.stream import ChatStream
from provider_workers.backends.rate_limits import RateLimitReadings
from provider_workers.backends.wires import Address, Wire
from provider_workers.settings import BackendSettings
from service_common.clock import Clock
from service_common.vocabulary import ModelMode

PATHS = {ModelMode.CHAT: "chat/completions", ModelMode.EMBEDDING: "embeddings"}
"""Where calls go, by what they ask for."""

TRAILING_USAGE_WAIT = 1.0
"""Seconds for the usage that follows the finish reason, from a provider that keeps its body open, whatever it sends."""

TRAILING_DONE_WAIT = 0.1
"""Seconds for `[DONE]` when all else has come."""


class OpenAIWireBackend:
    """OpenAI, Groq, Mistral, vLLM and whoever else speaks this wire."""

    def __init__(self, settings: BackendSettings, clock: Clock) -> None:
        """Open no connection yet; call inside the running event loop.

        Raises:
            ValueError: the settings name a dialect that does not exist.
            OSError: the file of certificate authorities cannot be read.
        """
        self._settings = settings
        self._clock = clock
        self._dialect = dialect_of(settings.dialect, settings.provider)
        authorisation = {"Authorization": f"Bearer {settings.api_key}"} if settings.api_key else {}
        self._http = ProviderHttp(settings, authorisation)
        self._rate_limits = RateLimitReadings()
        self._calls = CallsSeen(Address.of(settings.base_url, Wire.OPENAI), self._http, clock)

    def rate_limit(self) -> RateLimitLeft | None:
        """By the newest headers that tell of it."""
        return self._rate_limits.newest(self._clock.now())

    def used_up(self, model: str) -> RateLimitLeft | None:
        """By the newest headers of that model."""
        return self._rate_limits.used_up(model, self._clock.now())

    async def describe(self) -> BackendDescription:
        """By the provider's list of models."""
        try:
            listed = await self._list()
        except ProviderFailure as failure:
            return self._calls.doubted(without_list(self._settings, failure))
        return self._calls.doubted(by_list(self._settings, listed, self._calls.listed(listed)))

    async def complete(self, work: Work) -> AsyncIterator[Sequence[Piece]]:
        """Stream one answer; see `BackendAdapter.complete`."""
        body = chat_body(work, self._settings, self._dialect)
        stream = ChatStream(self._clock, may_be_empty=may_be_empty(work))
        async with self._http.exchange("POST", PATHS[ModelMode.CHAT], body, trace_context=work.trace) as response:
            await self._check(response, ModelMode.CHAT, work.model)
            yield (Responded(response.status),)
            ended = False
            reading = _Reading(response, stream)
            while not stream.done and not ended:
                chunk = await reading.next_chunk()
                if chunk is None:
                    break
                ended = not chunk
                pieces = stream.end() if ended else stream.feed(chunk)
                if pieces:
                    yield pieces
                    stream.check()
            finish = stream.finish()
            self._calls.answered(ModelMode.CHAT)
            yield (finish,)
            if stream.done:
                await _read_to_end(response)

    async def embed(self, work: EmbedWork) -> Vectors:
        """Turn texts into vectors; see `BackendAdapter.embed`."""
        body = embedding_body(work, self._settings)
        async with self._http.exchange("POST", PATHS[ModelMode.EMBEDDING], body, trace_context=work.trace) as response:
            await self._check(response, ModelMode.EMBEDDING, work.model)
            found = vectors(await read_json(response), len(work.request.inputs))
        self._calls.answered(ModelMode.EMBEDDING)
        return found

    async def probe(self) -> None:
        """Ask for the list of models, which costs nothing, and whether calls are there now that were not."""
        listed = await self._list()
        self._calls.listed(listed)
        models = sorted(by_list(self._settings, listed).models, key=lambda model: bool(model.doubt))
        await self._calls.look_for_missing(PATHS, [model.model for model in models])

    async def warm_up(self, model: str) -> None:
        """Nothing to do: the provider keeps its models ready."""

    def pull(self, model: str) -> AsyncIterator[Pulling]:
        """Refuse: this wire has no such thing."""
        raise no_pull(self._settings.name, model)

    async def close(self) -> None:
        """Close every socket."""
        await self._http.close()

    async def _list(self) -> Mapping[str, Any]:
        async with self._http.exchange("GET", "models") as response:
            await self._calls.check_list(response)
            return await read_json(response)

    async def _check(self, response: ClientResponse, mode: ModelMode, model: str) -> None:
        """Keep what the headers say of the rate limit; raise what an error status means."""
        self._rate_limits.note(model, response.headers, self._clock.wall(), self._clock.now())
        await self._calls.check_call(response, mode, model)


class _Reading:
    """Reads an answer's bytes; once it has its finish reason, only for so long, whatever else comes."""

    def __init__(self, response: ClientResponse, stream: ChatStream) -> None:
        self._content = response.content
        self._stream = stream
        self._until = math.inf

    async def next_chunk(self) -> bytes | None:
        """The next bytes; empty at the body's end; None where the answer is whole and no more is worth waiting for."""
        if self._stream.finish_reason is None:
            return await self._content.readany()
        now = asyncio.get_running_loop().time()
        if now >= self._until:
            return None
        self._until = min(self._until, now + (TRAILING_DONE_WAIT if self._stream.reported else TRAILING_USAGE_WAIT))
        try:
            async with asyncio.timeout_at(self._until):
                return await self._content.readany()
        except TimeoutError:
            return None


async def _read_to_end(response: ClientResponse) -> None:
    """Read what follows `[DONE]`, for a moment, so that the connection can be used again."""
    if response.content.at_eof():
        return
    try:
        async with asyncio.timeout(REUSE_GRACE):
            while await response.content.readany():
                pass
    except TimeoutError:
        return
