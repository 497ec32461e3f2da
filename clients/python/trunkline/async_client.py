"""The async client of a router."""

import asyncio
import os
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from types import TracebackType
from typing import Self, TypeVar, Unpack

import grpc
from grpc import aio

from trunkline._address import router_address
from trunkline._administering import watch_request
from trunkline._calling import CallSettings, settings_of
from trunkline._channel import channel_options, channel_target
from trunkline._failures import foreign_errors, readable
from trunkline._requests import completion_request, embed_request, refuse
from trunkline._responses import answer_of, embeddings_of, routed_of, token_counts_of
from trunkline._tables import models_of, rows_of, workers_of
from trunkline.admin.v1 import admin_service_pb2 as admin_pb2
from trunkline.admin.v1.admin_service_pb2_grpc import AdminServiceStub
from trunkline.answers import Answer, Embeddings, TokenCount
from trunkline.async_administration import AsyncAdministration
from trunkline.decisions import Decision
from trunkline.messages import Prompt
from trunkline.options import CompletionOptions, EmbeddingOptions
from trunkline.router.v1 import router_service_pb2 as router_pb2
from trunkline.router.v1.router_service_pb2_grpc import RouterServiceStub
from trunkline.streams import AsyncAnswerStream
from trunkline.targets import Models, TargetRow, Worker

_Request = TypeVar("_Request")
_Response = TypeVar("_Response")
_Item = TypeVar("_Item")
_Call = TypeVar("_Call")


class AsyncClient:
    """Calls a router, for asyncio. Use one for a whole application: a channel carries many calls at once.

    Nothing is retried here: the router does that, and knows what was tried. Every call has a deadline. A client belongs
    to the event loop that runs when it is made, else to the one that is set; a call in another is refused.

        async with AsyncClient() as client:
            answer = await client.complete("Say hello.", max_cost=0.01)
    """

    def __init__(
        self,
        address: str | None = None,
        *,
        timeout: float = 120.0,
        credentials: grpc.ChannelCredentials | None = None,
    ) -> None:
        """Open a channel; it connects on the first call.

        Args:
            address: `host:port`, or several `IP:port` by comma; None: what `TRUNKLINE_ROUTER` says, else
                `127.0.0.1:50051`.
            timeout: seconds that a call may take where it names none of its own.
            credentials: for TLS; None: plain text.

        Raises:
            InvalidRequest: of several addresses one is no `IP:port`; no event loop runs or is set.
        """
        self._loop = _own_loop()
        self.address = router_address(address, os.environ)
        self._timeout = timeout
        target, options = channel_target(self.address), channel_options(self.address)
        if credentials is None:
            self._channel = aio.insecure_channel(target, options)
        else:
            self._channel = aio.secure_channel(target, credentials, options)
        self._router = RouterServiceStub(self._channel)
        self._admin = AdminServiceStub(self._channel)
        self._administration = AsyncAdministration(self._admin, self._plain_call, self._plain_stream)

    async def complete(self, prompt: Prompt, **options: Unpack[CompletionOptions]) -> Answer:
        """A whole answer.

        Raises:
            TrunklineError: as `trunkline.errors` says; it carries every attempt that was made.
        """
        request = router_pb2.CompleteRequest(completion=completion_request(prompt, options))
        return answer_of(await self._call(self._router.Complete, request, settings_of(options, self._timeout)))

    def stream(self, prompt: Prompt, **options: Unpack[CompletionOptions]) -> AsyncAnswerStream:
        """An answer as it comes; use it in `async with`, so that leaving early cancels the call.

        Raises:
            InvalidRequest: an option cannot be expressed.
            Cancelled: the client is closed. Everything else is raised by the stream.
        """
        request = router_pb2.StreamCompleteRequest(completion=completion_request(prompt, options))
        settings = settings_of(options, self._timeout)
        return AsyncAnswerStream(self._begin(self._router.StreamComplete, request, settings), self.address)

    async def route(self, prompt: Prompt, **options: Unpack[CompletionOptions]) -> Decision:
        """The decision for a prompt; nothing is sent to any provider.

        Raises:
            TrunklineError: as `trunkline.errors` says.
        """
        request = router_pb2.RouteRequest(completion=completion_request(prompt, options))
        return routed_of(await self._call(self._router.Route, request, settings_of(options, self._timeout)))

    async def count_tokens(self, prompt: Prompt, **options: Unpack[CompletionOptions]) -> tuple[TokenCount, ...]:
        """Estimates of the prompt's tokens: for the targets that `model` names, else one per model family.

        Raises:
            TrunklineError: as `trunkline.errors` says.
        """
        request = router_pb2.CountTokensRequest(completion=completion_request(prompt, options))
        settings = settings_of(options, self._timeout)
        return token_counts_of(await self._call(self._router.CountTokens, request, settings))

    async def embed(
        self, inputs: str | Sequence[str], *, model: str, **options: Unpack[EmbeddingOptions]
    ) -> Embeddings:
        """Vectors of texts, by one model: a target, an alias, or an embedding model's name.

        Raises:
            TrunklineError: as `trunkline.errors` says.
        """
        request = embed_request(inputs, model, options)
        response = await self._call(self._router.Embed, request, settings_of(options, self._timeout))
        return embeddings_of(response, len(request.inputs))

    async def report_outcome(self, decision_id: str, quality: float, *, labels: Mapping[str, str] | None = None) -> str:
        """Tell how good an earlier answer was, 0 to 1; the target that it counts for.

        Raises:
            NotFound: no such decision is remembered.
            TrunklineError: as `trunkline.errors` says.
        """
        request = router_pb2.ReportOutcomeRequest(decision_id=decision_id, quality=quality, labels=labels)
        return (await self._call(self._router.ReportOutcome, request, self._settings)).target

    async def models(self, backend: str = "") -> Models:
        """The targets (of one backend, or all) with facts, prices and state; aliases and profiles.

        Raises:
            TrunklineError: as `trunkline.errors` says.
        """
        request = router_pb2.ListModelsRequest(backend=backend)
        return models_of(await self._call(self._router.ListModels, request, self._settings))

    @property
    def admin(self) -> AsyncAdministration:
        """Operators' commands."""
        return self._administration

    async def table(self) -> tuple[TargetRow, ...]:
        """The health and load table.

        Raises:
            TrunklineError: as `trunkline.errors` says.
        """
        return rows_of((await self._call(self._admin.GetTable, admin_pb2.GetTableRequest(), self._settings)).rows)

    def watch_table(self, min_interval: float = 1.0) -> AsyncGenerator[tuple[TargetRow, ...], None]:
        """The table now and after every change, at most every `min_interval` seconds, until the iterator is closed.

        Raises:
            TrunklineError: as `trunkline.errors` says; a watch has no deadline, the channel's keepalive ends it.
        """
        request = watch_request(min_interval)
        return self._plain_stream(self._admin.WatchTable, request, lambda message: rows_of(message.rows))

    async def workers(self) -> tuple[Worker, ...]:
        """The attached workers.

        Raises:
            TrunklineError: as `trunkline.errors` says.
        """
        return workers_of(await self._call(self._admin.ListWorkers, admin_pb2.ListWorkersRequest(), self._settings))

    async def close(self) -> None:
        """Close the channel; calls that still run are cancelled, and they and later ones raise `Cancelled`."""
        await self._channel.close()

    async def __aenter__(self) -> Self:
        """The client itself."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the channel."""
        await self.close()

    @property
    def _settings(self) -> CallSettings:
        """The settings of a call without options."""
        return settings_of({}, self._timeout)

    async def _plain_call(
        self, method: "aio.UnaryUnaryMultiCallable[_Request, _Response]", request: _Request
    ) -> _Response:
        """As `_call`, without options."""
        return await self._call(method, request, self._settings)

    async def _plain_stream(
        self,
        method: "aio.UnaryStreamMultiCallable[_Request, _Response]",
        request: _Request,
        read: Callable[[_Response], _Item],
    ) -> AsyncGenerator[_Item, None]:
        """What `read` makes of each answer, without a deadline; their failure is one of `trunkline.errors`."""
        call = self._begin(method, request, CallSettings(None))
        messages = aiter(call)
        try:
            while True:
                with foreign_errors(self.address):
                    message = readable(await anext(messages))
                yield read(message)
        except StopAsyncIteration:
            return
        finally:
            call.cancel()

    async def _call(
        self, method: "aio.UnaryUnaryMultiCallable[_Request, _Response]", request: _Request, settings: CallSettings
    ) -> _Response:
        """Make a unary call; its failure is one of `trunkline.errors`."""
        call = self._begin(method, request, settings)
        with foreign_errors(self.address):
            return readable(await call)

    def _begin(self, method: Callable[..., _Call], request: object, settings: CallSettings) -> _Call:
        """Have gRPC send a request.

        Raises:
            InvalidRequest: another event loop runs than the client's, or none.
            Cancelled: the client is closed.
        """
        if _own_loop() is not self._loop:
            raise refuse("AsyncClient", "it was made in another event loop; make one for each `asyncio.run`")
        with foreign_errors(self.address):
            return method(request, timeout=settings.timeout, metadata=settings.metadata)


def _own_loop() -> asyncio.AbstractEventLoop:
    """The event loop that gRPC binds a channel to: the one that runs, else the one that is set for this thread.

    Raises:
        InvalidRequest: there is none.
    """
    try:
        return asyncio.get_event_loop()
    except RuntimeError:
        raise refuse("AsyncClient", "no event loop runs; make and use it in a coroutine, or take `Client`") from None
