"""The adapter for every provider that litellm knows and that speaks no wire of our own adapters."""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Any

import litellm
from litellm.llms.custom_httpx.async_client_cleanup import close_litellm_async_clients
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Span
from yarl import URL

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
from provider_workers.backends.client_span import client_span, mark_failed
from provider_workers.backends.configured_models import NOT_LISTED, configured, doubts, without_list
from provider_workers.backends.content import may_be_empty, no_pull, unsupported
from provider_workers.backends.litellm.errors import body_of, failure
from provider_workers.backends.litellm.listing import is_listed, model_list
from provider_workers.backends.litellm.providers import unknown_provider
from provider_workers.backends.litellm.redirects import refuse_redirects
from provider_workers.backends.litellm.request import completion_arguments, embedding_arguments
from provider_workers.backends.litellm.stream import COUNTED_BY_LITELLM, PieceReader, token_usage
from provider_workers.backends.litellm.transport import BoundedBody, install, opened_bodies
from provider_workers.backends.litellm.watch import Watch, until_finished
from provider_workers.backends.shapes import broken, in_order, list_of, vectors_of, word_of
from provider_workers.settings import BackendSettings
from service_common.clock import Clock
from service_common.vocabulary import ModelMode, WorkerState

CLOSE_TIMEOUT = 1.0
_OK = 200
_LOG = logging.getLogger(__name__)
_TRACER = trace.get_tracer("trunkline.provider_workers")


class LiteLLMBackend:
    """One provider by way of litellm."""

    def __init__(self, settings: BackendSettings, clock: Clock) -> None:
        """Turn litellm's own reporting and redirects off; open no connection yet; call inside the running event loop.

        Raises:
            OSError: the file of certificate authorities cannot be read.
        """
        self._settings = settings
        self._clock = clock
        self._list = model_list(settings, clock)
        self._where = (URL(settings.base_url).authority if settings.base_url else "") or settings.provider
        refuse_redirects()
        install()
        litellm.telemetry = False
        litellm.suppress_debug_info = True
        litellm.turn_off_message_logging = True
        litellm.drop_params = False
        litellm.disable_hf_tokenizer_download = True  # of what it counts, nothing is passed on
        logging.getLogger("LiteLLM").setLevel(logging.ERROR)  # it logs every request
        if settings.ca_file:
            litellm.ssl_verify = settings.ca_file

    def rate_limit(self) -> RateLimitLeft | None:
        """None: litellm keeps the headers of a streamed answer to itself."""
        return None

    def used_up(self, model: str) -> RateLimitLeft | None:
        """None: litellm keeps the headers of a streamed answer to itself."""
        return None

    async def describe(self) -> BackendDescription:
        """As the configuration has it, held against what litellm knows and, if there is one, the provider's list."""
        if wrong := unknown_provider(self._settings.provider):
            return BackendDescription(configured(self._settings), WorkerState.NOT_CONFIGURED, wrong)
        if self._list is None:
            return BackendDescription(configured(self._settings))
        try:
            names = await self._list.names()
        except ProviderFailure as found:
            return self._list.calls.doubted(without_list(self._settings, found))
        models = tuple(
            replace(model, doubt="" if is_listed(model.model, names) else NOT_LISTED)
            for model in configured(self._settings)
        )
        return self._list.calls.doubted(BackendDescription(models, state_reason=doubts(models)))

    async def complete(self, work: Work) -> AsyncIterator[Sequence[Piece]]:
        """Stream one answer; see `BackendAdapter.complete`."""
        arguments = completion_arguments(work, self._settings)
        reader = PieceReader(self._where, may_be_empty=may_be_empty(work))
        span = self._span(work.trace)
        bodies = opened_bodies()
        wrapper: Any = None
        answering = False
        try:
            wrapper = await litellm.acompletion(**arguments)
            await wrapper.fetch_stream()
            answering = True
            watch = Watch(wrapper)
            span.set_attribute("http.response.status_code", _OK)
            yield (Responded(_OK),)
            async with aclosing(until_finished(wrapper, watch)) as chunks:
                async for chunk in chunks:
                    pieces = reader.read(chunk, wrapper.chunks)
                    if pieces:
                        yield pieces
            end = (*reader.late_usage(wrapper.chunks), reader.finish(watch.reason()))
            if self._list is not None:
                self._list.calls.answered(ModelMode.CHAT)
            yield end
        except (asyncio.CancelledError, GeneratorExit):
            mark_failed(span, "cancelled")
            raise
        except ProviderFailure as found:
            mark_failed(span, found.failure_class.label)
            raise
        except Exception as error:
            raise self._seen(self._mapped(error, span, answering=answering), error, work.model) from error
        finally:
            await _close(wrapper, bodies)
            span.end()

    async def embed(self, work: EmbedWork) -> Vectors:
        """Turn texts into vectors; see `BackendAdapter.embed`."""
        arguments = embedding_arguments(work, self._settings)
        span = self._span(work.trace)
        try:
            answer = await litellm.aembedding(**arguments)
            span.set_attribute("http.response.status_code", _OK)
        except asyncio.CancelledError:
            mark_failed(span, "cancelled")
            raise
        except Exception as error:
            raise self._mapped(error, span, answering=False) from error
        finally:
            span.end()
        try:
            entries = [entry["embedding"] for entry in in_order(list_of(answer.data, "data"))]
        except (AttributeError, LookupError, TypeError) as error:
            raise broken("an embedding has an unknown shape") from error
        values = vectors_of(entries, len(work.request.inputs))
        counted = None if self._settings.provider in COUNTED_BY_LITELLM else token_usage(answer.usage)
        return Vectors(values, counted, word_of(answer.model))

    async def probe(self) -> None:
        """Ask for the list of models where the provider has one; else refuse: nothing else costs nothing."""
        if self._list is None:
            raise unsupported(f"{self._settings.provider} cannot be probed without cost")
        names = await self._list.names()
        await self._list.look_for_calls(sorted(self._settings.models, key=lambda model: not is_listed(model, names)))

    async def warm_up(self, model: str) -> None:
        """Nothing to do: the provider keeps its models ready."""

    def pull(self, model: str) -> AsyncIterator[Pulling]:
        """Refuse: these providers have no such thing."""
        raise no_pull(self._settings.name, model)

    async def close(self) -> None:
        """Close every socket."""
        if self._list is not None:
            await self._list.close()
        await close_litellm_async_clients()  # type: ignore[no-untyped-call]

    def _mapped(self, error: Exception, span: Span, *, answering: bool) -> ProviderFailure:
        found = failure(error, self._clock.wall(), self._where, answering=answering)
        if found.http_status:
            span.set_attribute("http.response.status_code", found.http_status)
        mark_failed(span, str(found.http_status or found.failure_class.label))
        return found

    def _seen(self, failure: ProviderFailure, error: Exception, model: str) -> ProviderFailure:
        """A failed call, with what it shows of the provider's address, for providers whose API is known here."""
        return (
            failure if self._list is None else self._list.calls.of_call(failure, body_of(error), ModelMode.CHAT, model)
        )

    def _span(self, context: Context | None) -> Span:
        address = URL(self._settings.base_url) if self._settings.base_url else None
        attributes: dict[str, str | int] = {
            "http.request.method": "POST",
            "gen_ai.provider.name": self._settings.provider,
            "server.address": (address.host if address else None) or self._settings.provider,
        }
        if address is not None and address.port:
            attributes["server.port"] = address.port
        return client_span(_TRACER, "POST", context, attributes)


async def _close(wrapper: Any, bodies: Sequence[BoundedBody]) -> None:
    """Close the answer's socket, which litellm may take its time over."""
    try:
        async with asyncio.timeout(CLOSE_TIMEOUT):
            for body in bodies:
                await body.aclose()
            if wrapper is not None:
                await wrapper.aclose()
    except TimeoutError:
        _LOG.warning("a socket of litellm's was not closed within %g s", CLOSE_TIMEOUT)
