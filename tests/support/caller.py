"""Calls a router as any client does: generated stubs over a channel, every status and detail within reach."""

import time
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar, cast

import grpc
from google.protobuf.message import Message
from google.rpc import error_details_pb2
from google.rpc.status_pb2 import Status
from grpc_status import rpc_status

from trunkline.admin.v1 import admin_service_pb2 as admin
from trunkline.admin.v1.admin_service_pb2_grpc import AdminServiceStub
from trunkline.router.v1 import router_service_pb2 as pb
from trunkline.router.v1.router_service_pb2_grpc import RouterServiceStub
from trunkline.types.v1 import chat_pb2 as chat
from trunkline.types.v1.attempt_pb2 import CallError
from trunkline.types.v1.decision_pb2 import Decision
from trunkline.types.v1.target_pb2 import TargetRow

if TYPE_CHECKING:
    from trunkline.admin.v1.admin_service_pb2_grpc import AdminServiceAsyncStub
    from trunkline.router.v1.router_service_pb2_grpc import RouterServiceAsyncStub

TIMEOUT = 20.0
DetailT = TypeVar("DetailT", bound=Message)


@dataclass(slots=True)
class Told:
    """A stream's events as they came, and when each came (monotonic seconds)."""

    events: list[pb.StreamCompleteResponse] = field(default_factory=list)
    times: list[float] = field(default_factory=list)

    def add(self, event: pb.StreamCompleteResponse) -> None:
        """Take an event."""
        self.events.append(event)
        self.times.append(time.monotonic())

    @property
    def kinds(self) -> list[str]:
        """The kinds of the events, with repetitions joined."""
        kinds = [str(event.WhichOneof("event")) for event in self.events]
        return [kind for position, kind in enumerate(kinds) if position == 0 or kinds[position - 1] != kind]

    def all(self, kind: str) -> list[Any]:
        """The contents of all events of a kind."""
        return [getattr(event, kind) for event in self.events if event.WhichOneof("event") == kind]

    def time_of(self, kind: str) -> float:
        """When the first event of a kind came."""
        return next(at for event, at in zip(self.events, self.times, strict=True) if event.WhichOneof("event") == kind)

    @property
    def text(self) -> str:
        """The valid text: what a reset voids is left out."""
        text = ""
        for event in self.events:
            if event.WhichOneof("event") == "stream_reset":
                text = text[: event.stream_reset.valid_characters]
            text += event.text_delta
        return text

    @property
    def completed(self) -> pb.Completed:
        """The last event, which must be there."""
        assert self.kinds[-1:] == ["completed"], f"the stream ended without completed: {self.kinds}"
        return self.events[-1].completed


@dataclass(frozen=True, slots=True)
class CallFailure:
    """A failed call as its caller sees it, and what came before it failed."""

    code: grpc.StatusCode
    message: str
    details: tuple[Any, ...]
    told: Told

    def detail(self, kind: type[DetailT]) -> DetailT:
        """The detail of a kind, of which there must be one."""
        found = self.details_of(kind)
        assert len(found) == 1, f"{len(found)} of {kind.__name__} among {[d.TypeName() for d in self.details]}"
        return found[0]

    def details_of(self, kind: type[DetailT]) -> list[DetailT]:
        """The details of a kind."""
        found = []
        for packed in self.details:
            unpacked = kind()
            if packed.Unpack(unpacked):
                found.append(unpacked)
        return found

    @property
    def error(self) -> CallError:
        """The attempt log and the reason."""
        return self.detail(CallError)

    @property
    def reason(self) -> str:
        """The stable reason."""
        return str(self.detail(error_details_pb2.ErrorInfo).reason)

    @property
    def fields(self) -> dict[str, str]:
        """The mistakes by field; both kinds of detail must name the same."""
        bad = {v.field: v.description for v in self.detail(error_details_pb2.BadRequest).field_violations}
        assert bad == {v.field: v.description for v in self.error.violations}
        return bad


@dataclass(frozen=True, slots=True)
class Caller:
    """Stubs on one channel, with helpers."""

    channel: grpc.aio.Channel
    router: "RouterServiceAsyncStub"
    admin: "AdminServiceAsyncStub"

    async def complete(self, completion: chat.CompletionRequest, timeout: float = TIMEOUT) -> pb.CompleteResponse:
        """A whole answer."""
        return await self.router.Complete(pb.CompleteRequest(completion=completion), timeout=timeout)

    async def route(self, completion: chat.CompletionRequest) -> Decision:
        """The decision alone."""
        return (await self.router.Route(pb.RouteRequest(completion=completion), timeout=TIMEOUT)).decision

    async def row(self, target: str) -> TargetRow:
        """One row of the health and load table."""
        rows = (await self.admin.GetTable(admin.GetTableRequest(), timeout=TIMEOUT)).rows
        return next(row for row in rows if row.target == target)

    async def raw(self, path: str, body: bytes) -> bytes:
        """A unary call without any stub."""
        call: Any = self.channel.unary_unary(path)
        answer: bytes = await call(body, timeout=TIMEOUT)
        return answer

    def open(self, completion: chat.CompletionRequest, timeout: float = TIMEOUT) -> Any:
        """A stream that is to be read or cancelled."""
        return self.router.StreamComplete(pb.StreamCompleteRequest(completion=completion), timeout=timeout)

    async def stream(
        self, completion: chat.CompletionRequest, timeout: float = TIMEOUT, told: Told | None = None
    ) -> Told:
        """A stream read to its end; `told` gets the events as they come."""
        told = Told() if told is None else told
        async for event in self.open(completion, timeout):
            told.add(event)
        return told

    async def failed_stream(self, completion: chat.CompletionRequest, timeout: float = TIMEOUT) -> CallFailure:
        """How a stream failed; an answer fails the test."""
        told = Told()
        return await failure_of(self.stream(completion, timeout, told), told)


async def failure_of(call: Awaitable[Any], told: Told | None = None) -> CallFailure:
    """How a call failed; an answer fails the test."""
    try:
        answer = await call
    except grpc.aio.AioRpcError as error:
        status = rpc_status.from_call(cast(grpc.Call, error))
        details = tuple(status.details) if isinstance(status, Status) else ()
        return CallFailure(error.code(), error.details() or "", details, told or Told())
    raise AssertionError(f"the call was to fail, but it answered: {answer}")


@asynccontextmanager
async def caller_of(address: str) -> AsyncIterator[Caller]:
    """A caller of the router at `address`."""
    options = (
        ("grpc.max_receive_message_length", -1),
        ("grpc.max_send_message_length", -1),
        ("grpc.http2.bdp_probe", 0),  # else gRPC itself takes in megabytes that nobody reads
    )
    async with grpc.aio.insecure_channel(address, options=options) as channel:
        yield Caller(channel, RouterServiceStub(channel), AdminServiceStub(channel))


def ask(text: str = "Tell me about bridges.", **fields: Any) -> chat.CompletionRequest:
    """A request with one message of the user."""
    message = chat.Message(role=chat.ROLE_USER, content=[chat.ContentPart(text=text)])
    return chat.CompletionRequest(**{"messages": [message], **fields})


def routed(text: str = "Tell me about bridges.", **routing: Any) -> chat.CompletionRequest:
    """A request with routing wishes."""
    return ask(text, routing=chat.RoutingOptions(**routing))
