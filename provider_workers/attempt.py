"""One attempt: an order carried out within its deadlines and its credit, and settled exactly once."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import aclosing
from typing import TypeVar

from google.protobuf.message import DecodeError

from provider_workers.backends.base import (
    BackendAdapter,
    EmbedWork,
    Finish,
    Piece,
    ProviderFailure,
    Reasoning,
    Text,
    TokenUsage,
    ToolDelta,
    Vectors,
    Work,
)
from provider_workers.backends.shapes import check_dimensions
from provider_workers.characters import WholeCharacters
from provider_workers.credit import Credit
from provider_workers.held_pieces import LONGEST_HOLD, HeldPieces
from provider_workers.orders import Answered, AttemptSink, Failed, Order
from service_common.clock import Clock
from service_common.failures import FailureClass
from service_common.link import LARGEST_INLINE_BODY
from service_common.moving_timeout import MovingTimeout
from service_common.vocabulary import FinishReason, Operation
from trunkline.router.v1.router_service_pb2 import CompleteRequest, Embedding, EmbedRequest, EmbedResponse

MAX_DELTA = 48 * 1024
"""Bytes of one delta, so that it fits a message of 64 KiB with room to spare."""

MAX_CALL_NAME = 12 * 1024
"""Characters of a tool call's identifier and name, which travel in one frame; some providers sign in identifiers."""

_LOG = logging.getLogger(__name__)

_Request = TypeVar("_Request", CompleteRequest, EmbedRequest)


class RunningAttempt:
    """Carries out one order in a task of its own. However it ends, it is settled once."""

    def __init__(
        self,
        order: Order,
        sink: AttemptSink,
        backend: BackendAdapter,
        clock: Clock,
        settled: Callable[["RunningAttempt", Answered | Failed], None],
    ) -> None:
        """Take the order; `settled` is told when the attempt is over, before the sink is."""
        self.order = order
        self.sink = sink
        self.credit = Credit(order.credit)
        self._backend = backend
        self._clock = clock
        self._on_settled = settled
        self._settled = False
        self._began = clock.now()
        self._first_token: float | None = None
        self._usage: TokenUsage | None = None
        self._usage_untold = False
        self._held = HeldPieces(min(LONGEST_HOLD, order.idle_timeout / 4) if order.whole else 0.0, clock.now)
        self._characters = WholeCharacters()
        self._timer = MovingTimeout()
        self._timeout_class = FailureClass.TIMEOUT_TOTAL
        self._ends_at = 0.0
        self._task: asyncio.Task[None] | None = None

    def start(self) -> asyncio.Task[None]:
        """Begin. The task never fails; it may be cancelled."""
        self._task = asyncio.create_task(self._run(), name=f"attempt-{self.order.attempt_id}")
        self._task.add_done_callback(self._ended)
        return self._task

    def cancel(self) -> None:
        """Stop and close the socket; it settles as cancelled, with the usage so far."""
        if self._task is not None:
            self._task.cancel()

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        self._ends_at = loop.time() + self.order.time_left
        if self.order.operation is Operation.COMPLETE:
            self._wait_for(FailureClass.TIMEOUT_FIRST_TOKEN, self.order.first_token_timeout)
        else:
            self._wait_for(FailureClass.TIMEOUT_TOTAL, self.order.time_left)
        try:
            async with self._timer:
                await self._carry_out()
        except ProviderFailure as failure:
            self._fail(failure)
        except TimeoutError:
            self._fail(ProviderFailure(self._timeout_class, self._timeout_message()))
        except asyncio.CancelledError:
            self._cancelled()
            raise
        except Exception as error:
            _LOG.exception("attempt %s on %s broke down", self.order.attempt_id, self.order.model)
            said = f"the worker broke down over this request ({type(error).__name__}); its log tells more"
            self._fail(ProviderFailure(FailureClass.UNSUPPORTED, said))
        finally:
            self._timer.close()

    def _ended(self, _: asyncio.Task[None]) -> None:
        """Settle what is not settled: a task that is cancelled before its first step runs nothing of its coroutine."""
        if not self._settled:
            self._cancelled()

    def _cancelled(self) -> None:
        self._fail(ProviderFailure(FailureClass.CANCELLED, "cancelled"))

    async def _carry_out(self) -> None:
        order = self.order
        match order.operation:
            case Operation.COMPLETE:
                await self._complete()
            case Operation.EMBED:
                await self._embed()
            case Operation.PROBE:
                await self._backend.probe()
                self._answer(Finish(FinishReason.STOP))
            case Operation.WARM_UP:
                await self._backend.warm_up(order.model)
                self._answer(Finish(FinishReason.STOP))
            case Operation.PULL_MODEL:
                async for progress in self._backend.pull(order.model):
                    self.sink.report(order.attempt_id, progress)
                self._answer(Finish(FinishReason.STOP))

    async def _complete(self) -> None:
        request = await self._request(CompleteRequest())
        work = Work(self.order.model, request.completion, self.order.prefill, self.order.trace)
        async with aclosing(self._backend.complete(work)) as batches:  # type: ignore[type-var]
            async for batch in batches:
                await self._pass_on(batch)
                if self._first_token is not None and not self._settled:
                    self._wait_for(FailureClass.TIMEOUT_IDLE, self.order.idle_timeout)
        if not self._settled:
            raise ProviderFailure(FailureClass.STREAM_BROKEN, "the answer ended without being finished")

    async def _embed(self) -> None:
        request = await self._request(EmbedRequest())
        vectors = await self._backend.embed(EmbedWork(self.order.model, request, self.order.trace))
        self._usage = vectors.usage
        check_dimensions(vectors.values, request.dimensions)
        body = _embed_response(vectors)
        finish = Finish(FinishReason.STOP, vectors.provider_model, vectors.provider_request_id)
        if len(body) > LARGEST_INLINE_BODY:
            await self.sink.upload_body(self.order.attempt_id, body)
            self._answer(finish, uploaded=True)
        else:
            self._answer(finish, body)

    async def _request(self, empty: _Request) -> _Request:
        body = await self.sink.fetch_body(self.order) if self.order.body_size else self.order.body
        try:
            empty.ParseFromString(body)
        except DecodeError as error:
            raise ProviderFailure(FailureClass.REFUSED_BY_WORKER, "the request cannot be read") from error
        return empty

    async def _pass_on(self, batch: Sequence[Piece]) -> None:
        for piece in self._characters.of(self._held.ready(batch)):
            if self._usage_untold and not isinstance(piece, TokenUsage | Finish):
                self._tell_usage()
            match piece:
                case Text() | Reasoning():
                    await self._pass_on_text(piece)
                case ToolDelta():
                    await self._pass_on_tool(piece)
                case TokenUsage():
                    self._usage, self._usage_untold = piece, True
                case Finish():
                    self._answer(piece)
                case _:
                    self.sink.report(self.order.attempt_id, piece)

    def _tell_usage(self) -> None:
        """Say what was used so far where the answer goes on; the end of an attempt says it anyway."""
        if self._usage is not None:
            self.sink.report(self.order.attempt_id, self._usage)
        self._usage_untold = False

    async def _pass_on_text(self, piece: Text | Reasoning) -> None:
        self._token_came()
        if self._sent_at_once(piece):
            return
        make = type(piece)
        data, start = piece.text.encode(), 0
        while start < len(data):
            end = await self._affordable(data, start)
            self.sink.report(self.order.attempt_id, make(data[start:end].decode()))
            start = end

    def _sent_at_once(self, piece: Text | Reasoning) -> bool:
        text = piece.text
        size = len(text) if text.isascii() else len(text.encode())
        if size > min(MAX_DELTA, self.credit.available):
            return False
        self.credit.take(size)
        self.sink.report(self.order.attempt_id, piece)
        return True

    async def _pass_on_tool(self, piece: ToolDelta) -> None:
        self._token_came()
        if len(piece.id) + len(piece.name) > MAX_CALL_NAME:
            raise ProviderFailure(FailureClass.STREAM_BROKEN, "the answer holds a call with an endless name")
        data = piece.arguments_json.encode()
        start = await self._affordable(data, 0) if data else 0
        self.sink.report(self.order.attempt_id, ToolDelta(piece.index, piece.id, piece.name, data[:start].decode()))
        while start < len(data):
            end = await self._affordable(data, start)
            self.sink.report(self.order.attempt_id, ToolDelta(piece.index, arguments_json=data[start:end].decode()))
            start = end

    async def _affordable(self, data: bytes, start: int) -> int:
        """How far into `data` credit goes from `start`, cut between characters. Waits for credit where needed."""
        while True:
            most = min(len(data) - start, MAX_DELTA, self.credit.available)
            end = _boundary(data, start, start + most)
            if end > start:
                self.credit.take(end - start)
                return end
            self._wait_for(FailureClass.TIMEOUT_TOTAL, self.order.time_left)  # the caller is slow, not the provider
            await self.credit.more()

    def _pass_on_held(self) -> None:
        """What was held back of an answer that fails, as far as credit goes: the router estimates its cost by it."""
        for piece in self._characters.of(self._held.left()):
            if isinstance(piece, TokenUsage):
                self._usage = piece
            elif isinstance(piece, Text | Reasoning):
                self._sent_at_once(piece)

    def _token_came(self) -> None:
        if self._first_token is None:
            self._first_token = self._clock.now() - self._began

    def _wait_for(self, timeout_class: FailureClass, seconds: float) -> None:
        """From now on, `seconds` may pass before the attempt fails as `timeout_class`; never beyond its whole time."""
        at = asyncio.get_running_loop().time() + seconds
        if at >= self._ends_at:
            at, timeout_class = self._ends_at, FailureClass.TIMEOUT_TOTAL
        self._timeout_class = timeout_class
        self._timer.move(at)

    def _timeout_message(self) -> str:
        match self._timeout_class:
            case FailureClass.TIMEOUT_FIRST_TOKEN:
                return f"no token within {self.order.first_token_timeout:g} s"
            case FailureClass.TIMEOUT_IDLE:
                return f"silent for {self.order.idle_timeout:g} s in the middle of the answer"
            case _:
                return f"not done within {self.order.time_left:.3g} s"

    def _answer(self, finish: Finish, body: bytes = b"", *, uploaded: bool = False) -> None:
        duration = self._clock.now() - self._began
        self._settle(Answered(finish, self._usage, self._first_token, duration, body, uploaded))
        self._wait_for(FailureClass.TIMEOUT_TOTAL, self.order.time_left)

    def _fail(self, failure: ProviderFailure) -> None:
        if not self._settled:
            self._pass_on_held()
        self._settle(
            Failed(
                failure.failure_class,
                failure.message,
                failure.http_status,
                failure.retry_after,
                failure.backend_wide,
                self._usage,
                self._clock.now() - self._began,
            )
        )

    def _settle(self, end: Answered | Failed) -> None:
        if not self._settled:
            self._settled = True
            self._on_settled(self, end)


def _boundary(data: bytes, start: int, cut: int) -> int:
    """`cut`, moved back to where a UTF-8 character begins, at most to `start`."""
    while start < cut < len(data) and data[cut] & 0xC0 == 0x80:
        cut -= 1
    return cut


def _embed_response(vectors: Vectors) -> bytes:
    return EmbedResponse(embeddings=[Embedding(values=values) for values in vectors.values]).SerializeToString()
