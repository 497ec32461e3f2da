"""A router's side of the link, scripted by a test: a real gRPC server that workers attach to."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, Self

import grpc
from google.protobuf.duration_pb2 import Duration

from service_common.failures import FailureClass
from trunkline.types.v1.chat_pb2 import ToolCallDelta
from trunkline.worker.v1 import worker_service_pb2 as wire
from trunkline.worker.v1.worker_service_pb2_grpc import WorkerServiceServicer, add_WorkerServiceServicer_to_server

PATIENCE = 10.0
"""Seconds after which a wait for the worker fails the test."""

ATTACH_PATIENCE = 60.0
"""Seconds until a worker must have attached: on a busy machine litellm alone takes twenty to load."""

FULL_CREDIT = 1 << 30
CHUNK = 60_000


class WorkerEndedError(AssertionError):
    """The worker's process ended while a test waited for it; the message tells how, and what it said last."""


@dataclass
class Tried:
    """One dispatched attempt and all that the worker said of it.

    Attributes:
        lost: how the worker's process ended, once it has.
    """

    attempt_id: int
    events: list[wire.AttemptEvent] = field(default_factory=list)
    lost: str = ""
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    def add(self, event: wire.AttemptEvent) -> None:
        """Take an event of the worker."""
        self.events.append(event)
        self._changed.set()

    def lose(self, how: str) -> None:
        """Expect nothing more: the worker ended."""
        self.lost = how
        self._changed.set()

    @property
    def text(self) -> str:
        """The answer's text so far."""
        return "".join(event.text_delta for event in self.events)

    @property
    def reasoning(self) -> str:
        """What the model thought so far."""
        return "".join(event.reasoning_delta for event in self.events)

    @property
    def tool_deltas(self) -> list[ToolCallDelta]:
        """Pieces of tool calls so far."""
        return [event.tool_call_delta for event in self.events if event.HasField("tool_call_delta")]

    @property
    def ends(self) -> list[wire.AttemptEvent]:
        """Events that settle; there must never be more than one."""
        return [event for event in self.events if event.WhichOneof("event") in ("finished", "failed")]

    async def until(self, kind: str) -> wire.AttemptEvent:
        """The first event of a kind, waited for."""
        async with asyncio.timeout(PATIENCE):
            while True:
                for event in self.events:
                    if event.WhichOneof("event") == kind:
                        return event
                await self._change()

    async def settled(self) -> "Tried":
        """This attempt once it has settled."""
        async with asyncio.timeout(PATIENCE):
            while not self.ends:
                await self._change()
        return self

    async def finished(self) -> wire.Finished:
        """How it finished; a failure fails the test."""
        await self.settled()
        assert self.ends[0].HasField("finished"), f"failed: {self.ends[0].failed}"
        return self.ends[0].finished

    async def failed(self) -> wire.Failed:
        """How it failed; an answer fails the test."""
        await self.settled()
        assert self.ends[0].HasField("failed"), f"finished: {self.ends[0].finished}, text {self.text[:80]!r}"
        return self.ends[0].failed

    async def failure_class(self) -> FailureClass:
        """What kind of failure it came to; an answer fails the test."""
        return FailureClass((await self.failed()).failure_class)

    async def _change(self) -> None:
        if self.lost:
            raise WorkerEndedError(self.lost)
        self._changed.clear()
        await self._changed.wait()


class Attached:
    """One worker's stream."""

    def __init__(self, session_id: str, hello: wire.Hello) -> None:
        """Know what the worker said of itself."""
        self.session_id = session_id
        self.hello = hello
        self.heartbeats: list[wire.Heartbeat] = []
        self.said: list[wire.WorkerFrame] = []
        self.message_sizes: list[int] = []
        self.attempts: dict[int, Tried] = {}
        self.bodies: dict[int, bytes] = {}
        self.uploads: dict[int, bytes] = {}
        self.over = asyncio.Event()
        self.lost = ""
        self.outgoing: asyncio.Queue[wire.AttachResponse | None] = asyncio.Queue()
        self.changed = asyncio.Event()

    def take(self, message: wire.AttachRequest) -> None:
        """Sort the frames of a message."""
        self.message_sizes.append(message.ByteSize())
        for frame in message.frames:
            match frame.WhichOneof("frame"):
                case "heartbeat":
                    self.heartbeats.append(frame.heartbeat)
                case "attempt_event":
                    self.attempts[frame.attempt_event.attempt_id].add(frame.attempt_event)
                case _:
                    self.said.append(frame)
        self.changed.set()

    def lose(self, how: str) -> None:
        """Expect nothing more, in any attempt: the worker's process ended."""
        self.lost = how
        for tried in self.attempts.values():
            tried.lose(how)
        self.changed.set()

    def send(self, **frame: Any) -> None:
        """Send one frame: `send(cancel=Cancel(...))`."""
        self.outgoing.put_nowait(wire.AttachResponse(frames=[wire.RouterFrame(**frame)]))

    def dispatch(self, body: bytes, model: str, **fields: Any) -> Tried:
        """Order an attempt; a body that fits no frame is put up to be fetched."""
        tried, order = self._order(body, model, **fields)
        self.send(dispatch=order)
        return tried

    def dispatch_and_cancel(self, body: bytes, model: str) -> Tried:
        """Order an attempt and take it back in one message."""
        tried, order = self._order(body, model)
        frames = [
            wire.RouterFrame(dispatch=order),
            wire.RouterFrame(cancel=wire.Cancel(attempt_id=tried.attempt_id)),
        ]
        self.outgoing.put_nowait(wire.AttachResponse(frames=frames))
        return tried

    def _order(self, body: bytes, model: str, **fields: Any) -> tuple[Tried, wire.Dispatch]:
        attempt_id = len(self.attempts) + 1
        tried = self.attempts[attempt_id] = Tried(attempt_id, lost=self.lost)
        order = wire.Dispatch(
            **{
                "attempt_id": attempt_id,
                "operation": wire.OPERATION_COMPLETE,
                "model": model,
                "time_left": seconds(PATIENCE),
                "credit_bytes": FULL_CREDIT,
                **fields,
            }
        )
        if len(body) > CHUNK:
            self.bodies[attempt_id] = body
            order.body_size = len(body)
        else:
            order.body = body
        return tried, order

    def cancel(self, tried: Tried) -> None:
        """Nobody waits for the attempt any more."""
        self.send(cancel=wire.Cancel(attempt_id=tried.attempt_id))

    def grant(self, tried: Tried, size: int) -> None:
        """Give the attempt more credit."""
        self.send(credit=wire.Credit(attempt_id=tried.attempt_id, bytes=size))

    async def until(self, kind: str) -> wire.WorkerFrame:
        """The first frame of a kind that is neither a heartbeat nor an attempt's event."""
        async with asyncio.timeout(PATIENCE):
            while True:
                for frame in self.said:
                    if frame.WhichOneof("frame") == kind:
                        return frame
                await self._change()

    async def heartbeat_where(self, wanted: Any) -> wire.Heartbeat:
        """The first heartbeat that `wanted` (a predicate) accepts."""
        async with asyncio.timeout(PATIENCE):
            while True:
                for beat in self.heartbeats:
                    if wanted(beat):
                        return beat
                await self._change()

    def hang_up(self) -> None:
        """End the stream in good order."""
        self.outgoing.put_nowait(None)

    async def _change(self) -> None:
        if self.lost:
            raise WorkerEndedError(self.lost)
        self.changed.clear()
        await self.changed.wait()


class ScriptedRouter(WorkerServiceServicer):
    """Accepts workers and does nothing by itself. Use it as an async context manager."""

    def __init__(self, *, token: str = "", heartbeat: float = 0.2, port: int = 0, host: str = "127.0.0.1") -> None:
        """Listen on a free port of the loopback unless `port` is given; an empty token accepts all."""
        self._token = token
        self._heartbeat = heartbeat
        self._port = port
        self._host = host
        self._server: grpc.aio.Server | None = None
        self._arrived = asyncio.Event()
        self.refusal: tuple[grpc.StatusCode, str] | None = None
        self.workers: list[Attached] = []
        self.address = ""

    async def __aenter__(self) -> Self:
        """Listen."""
        self._server = grpc.aio.server()
        add_WorkerServiceServicer_to_server(self, self._server)
        self.address = f"{self._host}:{self._server.add_insecure_port(f'{self._host}:{self._port}')}"
        await self._server.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Break every stream."""
        await self.stop()

    async def stop(self) -> None:
        """Break every stream, as a router does that is killed."""
        if self._server is not None:
            await self._server.stop(None)
            self._server = None

    async def worker(self, number: int = 1) -> Attached:
        """The worker that attached as the `number`th, waited for."""
        async with asyncio.timeout(ATTACH_PATIENCE):
            while len(self.workers) < number:
                self._arrived.clear()
                await self._arrived.wait()
        return self.workers[number - 1]

    async def Attach(  # noqa: N802
        self, request_iterator: AsyncIterator[wire.AttachRequest], context: Any
    ) -> AsyncIterator[wire.AttachResponse]:
        """Welcome the worker, then send what the test queues."""
        shown = dict(context.invocation_metadata()).get("authorization", "")
        if self._token and shown != f"Bearer {self._token}":
            await context.abort(grpc.StatusCode.UNAUTHENTICATED, "the token is wrong")
        if self.refusal is not None:
            await context.abort(*self.refusal)
        first = await anext(aiter(request_iterator))
        assert first.frames[0].HasField("hello"), "the first frame must be hello"
        session = Attached(f"session-{len(self.workers) + 1}", first.frames[0].hello)
        welcome = wire.Welcome(
            session_id=session.session_id, router_id=self.address, heartbeat_interval=seconds(self._heartbeat)
        )
        session.send(welcome=welcome)
        reader = asyncio.create_task(self._read(request_iterator, session))
        self.workers.append(session)
        self._arrived.set()
        try:
            while (message := await session.outgoing.get()) is not None:
                yield message
        finally:
            reader.cancel()
            session.over.set()

    async def FetchBody(  # noqa: N802
        self, request: wire.FetchBodyRequest, context: Any
    ) -> AsyncIterator[wire.FetchBodyResponse]:
        """Give a body out in chunks."""
        body = self._session(request.session_id).bodies[request.attempt_id]
        for start in range(0, len(body), CHUNK):
            yield wire.FetchBodyResponse(chunk=body[start : start + CHUNK])

    async def UploadBody(  # noqa: N802
        self, request_iterator: AsyncIterator[wire.UploadBodyRequest], context: Any
    ) -> wire.UploadBodyResponse:
        """Take a result."""
        pieces = [piece async for piece in request_iterator]
        body = b"".join(piece.chunk for piece in pieces)
        self._session(pieces[0].session_id).uploads[pieces[0].attempt_id] = body
        return wire.UploadBodyResponse(size=len(body))

    def _session(self, session_id: str) -> Attached:
        return next(worker for worker in self.workers if worker.session_id == session_id)

    async def _read(self, requests: AsyncIterator[wire.AttachRequest], session: Attached) -> None:
        async for message in requests:
            session.take(message)
        session.over.set()
        session.hang_up()


def seconds(value: float) -> Duration:
    """A duration on the wire."""
    return Duration(seconds=int(value), nanos=int(value % 1 * 1e9))
