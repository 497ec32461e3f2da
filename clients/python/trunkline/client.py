"""The sync client of a router."""

import os
from collections.abc import Callable, Generator, Mapping, Sequence
from types import TracebackType
from typing import Self, TypeVar, Unpack

import grpc

from trunkline._address import router_address
from trunkline._administering import watch_request
from trunkline._calling import CallSettings, settings_of
from trunkline._channel import channel_options, channel_target
from trunkline._failures import foreign_errors
from trunkline._requests import completion_request, embed_request
from trunkline._responses import answer_of, embeddings_of, routed_of, token_counts_of
from trunkline._tables import models_of, rows_of, workers_of
from trunkline.admin.v1 import admin_service_pb2 as admin_pb2
from trunkline.admin.v1.admin_service_pb2_grpc import AdminServiceStub
from trunkline.administration import Administration
from trunkline.answers import Answer, Embeddings, TokenCount
from trunkline.decisions import Decision
from trunkline.messages import Prompt
from trunkline.options import CompletionOptions, EmbeddingOptions
from trunkline.router.v1 import router_service_pb2 as router_pb2
from trunkline.router.v1.router_service_pb2_grpc import RouterServiceStub
from trunkline.streams import AnswerStream
from trunkline.targets import Models, TargetRow, Worker

_Request = TypeVar("_Request")
_Response = TypeVar("_Response")
_Item = TypeVar("_Item")


class Client:
    """Calls a router, for code without asyncio; safe to share between threads.

    Nothing is retried here: the router does that, and knows what was tried. Every call has a deadline.

        with Client() as client:
            answer = client.complete("Say hello.", max_cost=0.01)
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
            InvalidRequest: of several addresses one is no `IP:port`.
        """
        self.address = router_address(address, os.environ)
        self._timeout = timeout
        target, options = channel_target(self.address), channel_options(self.address)
        if credentials is None:
            self._channel = grpc.insecure_channel(target, options)
        else:
            self._channel = grpc.secure_channel(target, credentials, options)
        self._router = RouterServiceStub(self._channel)
        self._admin = AdminServiceStub(self._channel)
        self._administration = Administration(self._admin, self._plain_call, self._plain_stream)

    def complete(self, prompt: Prompt, **options: Unpack[CompletionOptions]) -> Answer:
        """A whole answer.

        Raises:
            TrunklineError: as `trunkline.errors` says; it carries every attempt that was made.
        """
        request = router_pb2.CompleteRequest(completion=completion_request(prompt, options))
        return answer_of(self._call(self._router.Complete, request, settings_of(options, self._timeout)))

    def stream(self, prompt: Prompt, **options: Unpack[CompletionOptions]) -> AnswerStream:
        """An answer as it comes; use it in `with`, so that leaving early cancels the call.

        Raises:
            InvalidRequest: an option cannot be expressed.
            Cancelled: the client is closed. Everything else is raised by the stream.
        """
        request = router_pb2.StreamCompleteRequest(completion=completion_request(prompt, options))
        settings = settings_of(options, self._timeout)
        with foreign_errors(self.address):
            call = self._router.StreamComplete(request, timeout=settings.timeout, metadata=settings.metadata)
        return AnswerStream(call, self.address)

    def route(self, prompt: Prompt, **options: Unpack[CompletionOptions]) -> Decision:
        """The decision for a prompt; nothing is sent to any provider.

        Raises:
            TrunklineError: as `trunkline.errors` says.
        """
        request = router_pb2.RouteRequest(completion=completion_request(prompt, options))
        return routed_of(self._call(self._router.Route, request, settings_of(options, self._timeout)))

    def count_tokens(self, prompt: Prompt, **options: Unpack[CompletionOptions]) -> tuple[TokenCount, ...]:
        """Estimates of the prompt's tokens: for the targets that `model` names, else one per model family.

        Raises:
            TrunklineError: as `trunkline.errors` says.
        """
        request = router_pb2.CountTokensRequest(completion=completion_request(prompt, options))
        settings = settings_of(options, self._timeout)
        return token_counts_of(self._call(self._router.CountTokens, request, settings))

    def embed(self, inputs: str | Sequence[str], *, model: str, **options: Unpack[EmbeddingOptions]) -> Embeddings:
        """Vectors of texts, by one model: a target, an alias, or an embedding model's name.

        Raises:
            TrunklineError: as `trunkline.errors` says.
        """
        request = embed_request(inputs, model, options)
        response = self._call(self._router.Embed, request, settings_of(options, self._timeout))
        return embeddings_of(response, len(request.inputs))

    def report_outcome(self, decision_id: str, quality: float, *, labels: Mapping[str, str] | None = None) -> str:
        """Tell how good an earlier answer was, 0 to 1; the target that it counts for.

        Raises:
            NotFound: no such decision is remembered.
            TrunklineError: as `trunkline.errors` says.
        """
        request = router_pb2.ReportOutcomeRequest(decision_id=decision_id, quality=quality, labels=labels)
        return (self._call(self._router.ReportOutcome, request, self._settings)).target

    def models(self, backend: str = "") -> Models:
        """The targets (of one backend, or all) with facts, prices and state; aliases and profiles.

        Raises:
            TrunklineError: as `trunkline.errors` says.
        """
        request = router_pb2.ListModelsRequest(backend=backend)
        return models_of(self._call(self._router.ListModels, request, self._settings))

    @property
    def admin(self) -> Administration:
        """Operators' commands."""
        return self._administration

    def table(self) -> tuple[TargetRow, ...]:
        """The health and load table.

        Raises:
            TrunklineError: as `trunkline.errors` says.
        """
        return rows_of((self._call(self._admin.GetTable, admin_pb2.GetTableRequest(), self._settings)).rows)

    def watch_table(self, min_interval: float = 1.0) -> Generator[tuple[TargetRow, ...], None, None]:
        """The table now and after every change, at most every `min_interval` seconds, until the iterator is closed.

        Raises:
            TrunklineError: as `trunkline.errors` says; a watch has no deadline, the channel's keepalive ends it.
        """
        request = watch_request(min_interval)
        return self._plain_stream(self._admin.WatchTable, request, lambda message: rows_of(message.rows))

    def workers(self) -> tuple[Worker, ...]:
        """The attached workers.

        Raises:
            TrunklineError: as `trunkline.errors` says.
        """
        return workers_of(self._call(self._admin.ListWorkers, admin_pb2.ListWorkersRequest(), self._settings))

    def close(self) -> None:
        """Close the channel; calls that still run are cancelled, and they and later ones raise `Cancelled`."""
        self._channel.close()

    def __enter__(self) -> Self:
        """The client itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the channel."""
        self.close()

    @property
    def _settings(self) -> CallSettings:
        """The settings of a call without options."""
        return settings_of({}, self._timeout)

    def _plain_call(self, method: "grpc.UnaryUnaryMultiCallable[_Request, _Response]", request: _Request) -> _Response:
        """As `_call`, without options."""
        return self._call(method, request, self._settings)

    def _plain_stream(
        self,
        method: "grpc.UnaryStreamMultiCallable[_Request, _Response]",
        request: _Request,
        read: Callable[[_Response], _Item],
    ) -> Generator[_Item, None, None]:
        """What `read` makes of each answer, without a deadline; their failure is one of `trunkline.errors`."""
        with foreign_errors(self.address):
            call = method(request)
        try:
            while True:
                with foreign_errors(self.address):
                    message = next(call, None)
                if message is None:
                    return
                yield read(message)
        finally:
            call.cancel()

    def _call(
        self, method: "grpc.UnaryUnaryMultiCallable[_Request, _Response]", request: _Request, settings: CallSettings
    ) -> _Response:
        """Make a unary call; its failure is one of `trunkline.errors`."""
        with foreign_errors(self.address):
            return method(request, timeout=settings.timeout, metadata=settings.metadata)
