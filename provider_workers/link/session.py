"""One `Attach` stream to one router, from hello to its end."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass

import grpc
from grpc.aio import AioRpcError, Channel, StreamStreamCall

from provider_workers.backends.base import ProviderFailure
from provider_workers.link import frames
from provider_workers.link.outbox import Outbox
from provider_workers.orders import Answered, Failed, Order, Report
from provider_workers.worker import Announcement, Worker
from service_common.durations import seconds
from service_common.failures import FailureClass
from trunkline.worker.v1 import worker_service_pb2 as wire
from trunkline.worker.v1.worker_service_pb2_grpc import WorkerServiceStub

ATTACH = f"/{wire.DESCRIPTOR.services_by_name['WorkerService'].full_name}/Attach"
WELCOME_TIMEOUT = 10.0
DEFAULT_HEARTBEAT = 1.0
CHUNK = 64 * 1024 - 64
"""Bytes of one piece of a body, so that its message stays within 64 KiB."""

UNTOLD = "Internal error from Core"
"""What gRPC says of a stream whose hello could not be sent since the router had refused it already: the failed write
takes the place of the router's own status (github.com/grpc/grpc/issues/36066)."""

SETTLE_TIMEOUT = 1.0
"""Seconds in which cancelled attempts must have settled before a drained session leaves."""

Metadata = Sequence[tuple[str, str]]
_Stream = StreamStreamCall[bytes, wire.AttachResponse]
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Ended:
    """Why a stream ended. `code` None: the router closed it in good order. `router_id` empty: never welcomed."""

    code: grpc.StatusCode | None
    details: str
    router_id: str = ""


class Session:
    """The worker's side of one stream; the sink of the attempts that come down it."""

    def __init__(
        self,
        worker: Worker,
        channel: Channel,
        metadata: Metadata,
        version: str,
        welcomed: Callable[["Session", wire.Welcome], None],
    ) -> None:
        """Open nothing yet; `welcomed` is told when the router accepts the worker."""
        self._worker = worker
        # Not the stub's: the outbox encodes what is sent.
        self._attach: grpc.aio.StreamStreamMultiCallable[bytes, wire.AttachResponse] = channel.stream_stream(
            ATTACH, response_deserializer=wire.AttachResponse.FromString
        )
        self._stub = WorkerServiceStub(channel)
        self._metadata = metadata
        self._version = version
        self._on_welcome = welcomed
        self._outbox = Outbox()
        self._welcome: wire.Welcome | None = None
        self._over = False
        self._draining = ""
        self._open: set[int] = set()
        self._idle = asyncio.Event()
        self._idle.set()
        self._group = asyncio.TaskGroup()
        self._helpers: set[asyncio.Task[None]] = set()

    async def run(self) -> Ended:
        """Say hello, then work until the stream ends. Its attempts end with it.

        Whatever goes wrong on the way ends the stream: one that went on without its heartbeats would serve nobody.
        """
        call = self._attach(metadata=self._metadata)
        try:
            self._outbox.control(frames.hello(self._worker, self._version))
            async with self._group:
                self._spawn(self._write(call))
                ended = await self._serve(call)
                for helper in self._helpers:
                    helper.cancel()
            if ended.code is grpc.StatusCode.INTERNAL and ended.details == UNTOLD and self._welcome is None:
                ended = await self._asked_why(ended)
        except Exception:
            _LOG.exception("the stream to a router broke down")
            return Ended(grpc.StatusCode.INTERNAL, "the worker broke down over it; its log tells more", self._router_id)
        finally:
            self._over = True
            self._worker.attempts.cancel_all(self)
            call.cancel()
        return ended

    def report(self, attempt_id: int, report: Report) -> None:
        """Send a report on an attempt; see `AttemptSink`."""
        if isinstance(report, Answered | Failed):
            self._open.discard(attempt_id)
            if not self._open:
                self._idle.set()
        if not self._over:
            self._outbox.data(frames.attempt_frame(attempt_id, report))

    async def fetch_body(self, order: Order) -> bytes:
        """Fetch an order's body; see `AttemptSink`."""
        request = wire.FetchBodyRequest(session_id=self._session_id, attempt_id=order.attempt_id)
        chunks: list[bytes] = []
        try:
            async for piece in self._stub.FetchBody(request, metadata=self._metadata, timeout=order.time_left):
                chunks.append(piece.chunk)
        except AioRpcError as error:
            raise _lost("give out the request's body", error) from error
        body = b"".join(chunks)
        if len(body) != order.body_size:
            said = f"the request's body has {len(body)} bytes instead of {order.body_size}"
            raise ProviderFailure(FailureClass.WORKER_LOST, said)
        return body

    async def upload_body(self, attempt_id: int, body: bytes) -> None:
        """Upload a result; see `AttemptSink`. The attempt's own deadline bounds it."""
        try:
            await self._stub.UploadBody(_pieces(self._session_id, attempt_id, body), metadata=self._metadata)
        except AioRpcError as error:
            raise _lost("take the result", error) from error

    def announce(self, said: Announcement) -> None:
        """Tell the router what all routers are told."""
        self._outbox.control(frames.announcement(said))

    def say_draining(self, reason: str) -> None:
        """Tell the router that the worker takes no more."""
        self._outbox.control(frames.draining(reason))

    def leave(self) -> None:
        """End the stream in good order once all is sent."""
        self._outbox.close()

    @property
    def _session_id(self) -> str:
        return "" if self._welcome is None else self._welcome.session_id

    async def _serve(self, call: _Stream) -> Ended:
        try:
            async with asyncio.timeout(WELCOME_TIMEOUT):
                first = await call.read()
            if not isinstance(first, wire.AttachResponse):
                return await self._ended(call)
            self._take_welcome(first)
            while isinstance(message := await call.read(), wire.AttachResponse):
                for frame in message.frames:
                    self._take(frame)
            return await self._ended(call)
        except TimeoutError:
            return Ended(grpc.StatusCode.DEADLINE_EXCEEDED, f"no welcome within {WELCOME_TIMEOUT:g} s")
        except AioRpcError as error:
            return self._broken(error)

    def _take_welcome(self, message: wire.AttachResponse) -> None:
        first, *others = message.frames
        self._welcome = first.welcome
        interval = first.welcome.heartbeat_interval
        self._spawn(self._beat(seconds(interval) or DEFAULT_HEARTBEAT))
        self._on_welcome(self, first.welcome)
        for frame in others:
            self._take(frame)

    def _take(self, frame: wire.RouterFrame) -> None:
        attempts = self._worker.attempts
        match frame.WhichOneof("frame"):
            case "dispatch":
                self._dispatch(frame.dispatch)
            case "credit":
                attempts.grant(self, frame.credit.attempt_id, frame.credit.bytes)
            case "cancel":
                attempts.cancel(self, frame.cancel.attempt_id)
            case "drain":
                self._draining = frame.drain.reason or "the router lets this worker go"
                self._spawn(self._drain(seconds(frame.drain.grace)))
            case unknown:
                _LOG.warning("the router sent a frame that this version does not know: %s", unknown)

    def _dispatch(self, dispatch: wire.Dispatch) -> None:
        refusal = self._draining
        try:
            order = frames.order(dispatch)
        except ValueError as error:
            refusal = f"this worker's version does not know what is asked: {error}"
        if refusal:
            self.report(dispatch.attempt_id, Failed(FailureClass.REFUSED_BY_WORKER, refusal))
            return
        self._open.add(order.attempt_id)
        self._idle.clear()
        self._worker.attempts.start(order, self)

    async def _write(self, call: _Stream) -> None:
        try:
            await self._outbox.drain_to(call.write)
            await call.done_writing()
        except (AioRpcError, asyncio.InvalidStateError):
            return  # the stream is over; the reader learns why

    async def _beat(self, interval: float) -> None:
        sequence = 0
        while True:
            sequence += 1
            self._outbox.control(frames.heartbeat(sequence, self._worker.status()))
            await asyncio.sleep(interval)

    async def _drain(self, grace: float) -> None:
        try:
            async with asyncio.timeout(grace):
                await self._idle.wait()
        except TimeoutError:
            self._worker.attempts.cancel_all(self)
            await asyncio.sleep(SETTLE_TIMEOUT if self._open else 0)
        self.leave()

    async def _ended(self, call: _Stream) -> Ended:
        """The router ended the stream: ask its status."""
        code = await call.code()
        return Ended(None if code is grpc.StatusCode.OK else code, await call.details() or "", self._router_id)

    async def _asked_why(self, ended: Ended) -> Ended:
        """Why the router refuses this worker: another call of the same service, whose request goes with its start."""
        try:
            call = self._stub.FetchBody(wire.FetchBodyRequest(), metadata=self._metadata, timeout=WELCOME_TIMEOUT)
            await call.read()
        except AioRpcError as error:
            if error.code() is not grpc.StatusCode.NOT_FOUND:  # that there is no such attempt, we know
                return self._broken(error)
        return ended

    def _broken(self, error: AioRpcError) -> Ended:
        return Ended(error.code(), error.details() or "", self._router_id)

    @property
    def _router_id(self) -> str:
        return "" if self._welcome is None else self._welcome.router_id or self._welcome.session_id

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = self._group.create_task(work)
        self._helpers.add(task)
        task.add_done_callback(self._helpers.discard)


def _pieces(session_id: str, attempt_id: int, body: bytes) -> Iterator[wire.UploadBodyRequest]:
    for start in range(0, len(body), CHUNK):
        named = {"session_id": session_id, "attempt_id": attempt_id} if start == 0 else {}
        yield wire.UploadBodyRequest(chunk=body[start : start + CHUNK], **named)  # type: ignore[arg-type]


def _lost(what: str, error: AioRpcError) -> ProviderFailure:
    said = f"the router did not {what}: {error.code().name} {error.details() or ''}"
    return ProviderFailure(FailureClass.WORKER_LOST, said)
