"""`trunkline.worker.v1.WorkerService`: the router's end of the link to its workers."""

import asyncio
import hmac
import logging
from collections.abc import AsyncIterator
from typing import Any

import grpc
from google.protobuf.message import DecodeError
from msgspec import Struct
from msgspec.structs import replace

from router_service.dispatch.bodies import UploadTooLarge
from router_service.dispatch.link import UnknownBackend, WorkerLink, WrongSequence
from router_service.dispatch.registry import UnknownAttempt
from router_service.dispatch.sessions import StaleHello, WorkerSession
from router_service.domain.errors import InvalidRequest
from router_service.domain.signals import Finished
from router_service.server.handling import MessageT, Received, abort, receive, serialise
from router_service.server.wire import shortened
from router_service.server.worker_frames import (
    BadFrame,
    UploadedResult,
    checked_result,
    heartbeat_of,
    hello_of,
    models_of,
    signal_of,
    wait_of,
)
from router_service.server.worker_outbox import WorkerOutbox
from service_common.clock import Clock
from service_common.durations import duration
from trunkline.worker.v1 import worker_service_pb2 as pb

logger = logging.getLogger(__name__)

SERVICE = pb.DESCRIPTOR.services_by_name["WorkerService"].full_name
CHUNK = 64 * 1024
HELLO_TIMEOUT = 10.0
"""Seconds in which a worker that opened a stream must have said hello."""

LONGEST_REFUSAL = 1_000
"""Characters; a status travels in headers, of which many clients accept 8 KiB."""

Context = grpc.aio.ServicerContext[Any, Any]

STATUS: dict[type[Exception], grpc.StatusCode] = {
    BadFrame: grpc.StatusCode.INVALID_ARGUMENT,
    DecodeError: grpc.StatusCode.INVALID_ARGUMENT,
    WrongSequence: grpc.StatusCode.INVALID_ARGUMENT,
    UnknownBackend: grpc.StatusCode.FAILED_PRECONDITION,
    StaleHello: grpc.StatusCode.ABORTED,
    TimeoutError: grpc.StatusCode.DEADLINE_EXCEEDED,
    InvalidRequest: grpc.StatusCode.INVALID_ARGUMENT,
    UnknownAttempt: grpc.StatusCode.NOT_FOUND,
    UploadTooLarge: grpc.StatusCode.RESOURCE_EXHAUSTED,
}


class RouterIdentity(Struct, frozen=True):
    """What a worker is told of the router, and the token that workers must show."""

    router_id: str
    version: str
    worker_token: str


class WorkerServicer:
    """Reads without ever stopping, writes what the outbox gathers, and ends each session however its stream ends."""

    def __init__(self, link: WorkerLink, clock: Clock, identity: RouterIdentity) -> None:
        """Serve `link`.

        Raises:
            ValueError: there is no token to show.
        """
        if not identity.worker_token:
            raise ValueError("the router needs a worker token: set TRUNKLINE_WORKER_TOKEN")
        self._link = link
        self._clock = clock
        self._identity = identity

    async def attach(self, request_iterator: AsyncIterator[pb.AttachRequest], context: Context) -> AsyncIterator[bytes]:
        """One worker's session."""
        await self._check_token(context)
        outbox = WorkerOutbox(self._clock)
        reader = asyncio.create_task(self._read(request_iterator, outbox, context.peer()))
        try:
            async for message in outbox.messages():
                yield message
        finally:
            reader.cancel()
            await asyncio.gather(reader, return_exceptions=True)
        if outbox.failure is not None:
            status = STATUS.get(type(outbox.failure), grpc.StatusCode.INTERNAL)
            await context.abort(status, shortened(str(outbox.failure), LONGEST_REFUSAL))

    async def fetch_body(
        self, received: Received[pb.FetchBodyRequest], context: Context
    ) -> AsyncIterator[pb.FetchBodyResponse]:
        """The body of a dispatch, in pieces."""
        await self._check_token(context)
        try:
            request = received.message
            body = self._link.body(request.session_id, request.attempt_id)
        except (UnknownAttempt, InvalidRequest) as mistake:
            await abort(context, STATUS[type(mistake)], str(mistake))
            return
        for start in range(0, len(body), CHUNK):
            yield pb.FetchBodyResponse(chunk=body[start : start + CHUNK])

    async def upload_body(
        self, pieces: AsyncIterator[Received[pb.UploadBodyRequest]], context: Context
    ) -> pb.UploadBodyResponse:
        """The result of an attempt, in pieces."""
        await self._check_token(context)
        session_id, attempt_id, size = "", 0, 0
        try:
            while (received := await self._next_of(pieces)) is not None:
                piece = received.message
                session_id, attempt_id = session_id or piece.session_id, attempt_id or piece.attempt_id
                size = self._link.append_result(session_id, attempt_id, piece.chunk)
        except (UnknownAttempt, UploadTooLarge, InvalidRequest, TimeoutError) as mistake:
            await abort(context, STATUS[type(mistake)], str(mistake))
        return pb.UploadBodyResponse(size=size)

    async def _next_of(self, pieces: AsyncIterator[Received[MessageT]]) -> Received[MessageT] | None:
        """The next piece of a result; None: it is whole.

        Raises:
            TimeoutError: it did not come.
        """
        longest = self._link.settings.piece_timeout
        try:
            async with asyncio.timeout(longest):
                return await anext(pieces, None)
        except TimeoutError:
            raise TimeoutError(f"no further piece of the result came within {longest:g} s") from None

    async def _check_token(self, context: Context) -> None:
        shown = dict(context.invocation_metadata() or ()).get("authorization", "")
        text = shown.decode("utf-8", "replace") if isinstance(shown, bytes) else shown
        expected = f"Bearer {self._identity.worker_token}"
        if not hmac.compare_digest(text.encode(), expected.encode()):
            said = "shows a wrong token" if text else "shows no token"
            await context.abort(
                grpc.StatusCode.UNAUTHENTICATED,
                f"the worker {said}: start it with the router's token in TRUNKLINE_WORKER_TOKEN",
            )

    async def _read(self, requests: AsyncIterator[pb.AttachRequest], outbox: WorkerOutbox, peer: str) -> None:
        """Take the worker's frames until its stream ends; what breaks the protocol ends it with its status."""
        session: WorkerSession | None = None
        reason = "its stream broke"
        try:
            session, rest = await self._greet(requests, outbox, peer)
            for frame in rest:
                self._take(session, frame)
            async for message in requests:
                for frame in message.frames:
                    self._take(session, frame)
            reason = "it closed its stream"
            outbox.close(reason)
        except tuple(STATUS) as failure:
            reason = str(failure)
            outbox.fail(failure)
        except asyncio.CancelledError:
            reason = outbox.closed or reason
            raise
        except Exception as failure:  # a stream must never go on unread
            logger.exception("the stream of the worker at %s failed", peer)
            outbox.fail(failure)
        finally:
            if session is not None:
                self._link.detach(session, reason)

    async def _greet(
        self, requests: AsyncIterator[pb.AttachRequest], outbox: WorkerOutbox, peer: str
    ) -> tuple[WorkerSession, list[pb.WorkerFrame]]:
        """The session that the worker's hello begins, and what came together with the hello."""
        try:
            async with asyncio.timeout(HELLO_TIMEOUT):
                first = await anext(requests, None)
        except TimeoutError:
            raise TimeoutError(f"no hello came within {HELLO_TIMEOUT:.0f} s") from None
        frames = [] if first is None else list(first.frames)
        if not frames or frames[0].WhichOneof("frame") != "hello":
            raise BadFrame("the first frame of a stream must be hello")
        session = self._link.attach(hello_of(frames[0].hello), outbox, peer)
        outbox.send(
            pb.RouterFrame(
                welcome=pb.Welcome(
                    session_id=session.session_id,
                    heartbeat_interval=duration(self._link.settings.heartbeat_interval),
                    router_version=self._identity.version,
                    router_id=self._identity.router_id,
                )
            )
        )
        return session, frames[1:]

    def _take(self, session: WorkerSession, frame: pb.WorkerFrame) -> None:
        match frame.WhichOneof("frame"):
            case "attempt_event":  # nearly all frames are of this kind
                self._take_event(session, frame.attempt_event)
            case "heartbeat":
                self._link.heartbeat(session, heartbeat_of(frame.heartbeat))
            case "draining":
                self._link.draining(session, frame.draining.reason)
            case "targets_changed":
                self._link.models_changed(session, models_of(frame.targets_changed.models))
            case "cooldown":
                cooldown = frame.cooldown
                self._link.cool_down(session, cooldown.model, wait_of(cooldown.duration), cooldown.reason)
            case "hello":
                raise BadFrame("hello came again: only the first frame of a stream may be hello")

    def _take_event(self, session: WorkerSession, event: pb.AttemptEvent) -> None:
        signal = signal_of(event)
        if isinstance(signal, UploadedResult):
            body = self._link.deliver_uploaded(session, event.attempt_id)
            signal = None if body is None else replace(signal.finished, body=body)
        if isinstance(signal, Finished):
            attempt = session.attempts.get(event.attempt_id)
            signal = signal if attempt is None else checked_result(attempt.order, signal)
        if signal is not None:
            self._link.deliver(session, event.attempt_id, signal)


def worker_handlers(servicer: WorkerServicer) -> grpc.GenericRpcHandler:
    """The service's procedures. Not registered as generated, since what goes down to a worker is encoded already."""
    fetch, upload = receive(pb.FetchBodyRequest), receive(pb.UploadBodyRequest)
    handlers: dict[str, grpc.RpcMethodHandler[Any, Any]] = {
        "Attach": grpc.stream_stream_rpc_method_handler(servicer.attach, pb.AttachRequest.FromString),
        "FetchBody": grpc.unary_stream_rpc_method_handler(servicer.fetch_body, fetch, serialise),
        "UploadBody": grpc.stream_unary_rpc_method_handler(servicer.upload_body, upload, serialise),
    }
    return grpc.method_handlers_generic_handler(SERVICE, handlers)
