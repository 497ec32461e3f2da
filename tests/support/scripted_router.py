"""A real gRPC server that answers the client's calls with what a test wrote down, and remembers what it was asked."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.message import Message
from grpc import aio
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1._async import HealthServicer

from trunkline.admin.v1 import admin_service_pb2 as admin_pb2
from trunkline.admin.v1.admin_service_pb2_grpc import AdminServiceServicer, add_AdminServiceServicer_to_server
from trunkline.router.v1 import router_service_pb2 as router_pb2
from trunkline.router.v1.router_service_pb2_grpc import RouterServiceServicer, add_RouterServiceServicer_to_server
from trunkline.types.v1 import attempt_pb2, chat_pb2, status_pb2, target_pb2

SERVICE = "trunkline.router.v1.RouterService"


@dataclass(frozen=True, slots=True)
class Failure:
    """A status that a call ends with."""

    code: grpc.StatusCode
    message: str = ""
    call_error: attempt_pb2.CallError | None = None
    raw_details: bytes | None = None

    def metadata(self) -> list[tuple[str, str | bytes]]:
        """The trailing metadata that carries the details."""
        if self.raw_details is not None:
            return [("grpc-status-details-bin", self.raw_details)]
        if self.call_error is None:
            return []
        packed = AnyMessage()
        packed.Pack(self.call_error)
        details = status_pb2.StatusDetails(code=self.code.value[0], message=self.message, details=[packed])
        return [("grpc-status-details-bin", details.SerializeToString())]


@dataclass(frozen=True, slots=True)
class Wait:
    """A pause in a stream, in seconds."""

    seconds: float


Reply = Callable[[Any], Message | Failure]


@dataclass(slots=True)
class Script:
    """What the router answers, by method name.

    A message, a failure, or a function that makes one of the request; for streams a sequence of both and of waits.
    """

    answers: dict[str, Message | Failure | Reply | Sequence[Message | Failure | Wait]] = field(default_factory=dict)
    requests: list[Any] = field(default_factory=list)
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    metadata: list[dict[str, str | bytes]] = field(default_factory=list)
    deadlines: list[float | None] = field(default_factory=list)
    ended: asyncio.Event = field(default_factory=asyncio.Event)


class _Scripted:
    """Plays a script."""

    def __init__(self, script: Script) -> None:
        self._script = script

    def _note(self, request: Any, context: Any) -> None:
        self._script.requests.append(request)
        self._script.asked.set()
        self._script.metadata.append(dict(context.invocation_metadata() or ()))
        self._script.deadlines.append(context.time_remaining())

    async def _unary(self, method: str, request: Any, context: Any) -> Any:
        self._note(request, context)
        answer = self._script.answers.get(method, Failure(grpc.StatusCode.UNIMPLEMENTED, f"{method} is not scripted"))
        if callable(answer):
            answer = answer(request)
        if isinstance(answer, Failure):
            await context.abort(answer.code, answer.message, tuple(answer.metadata()))
        return answer

    async def _stream(self, method: str, request: Any, context: Any) -> AsyncIterator[Any]:
        self._note(request, context)
        steps = self._script.answers.get(method, ())
        assert isinstance(steps, Sequence)
        context.add_done_callback(lambda _: self._script.ended.set())
        for step in steps:
            if isinstance(step, Failure):
                await context.abort(step.code, step.message, tuple(step.metadata()))
            elif isinstance(step, Wait):
                await asyncio.sleep(step.seconds)
            else:
                yield step


class _Router(_Scripted, RouterServiceServicer):
    """The service that applications call."""

    async def Route(self, request: Any, context: Any) -> Any:  # noqa: N802
        return await self._unary("Route", request, context)

    async def Complete(self, request: Any, context: Any) -> Any:  # noqa: N802
        return await self._unary("Complete", request, context)

    async def StreamComplete(self, request: Any, context: Any) -> AsyncIterator[Any]:  # noqa: N802
        async for message in self._stream("StreamComplete", request, context):
            yield message

    async def Embed(self, request: Any, context: Any) -> Any:  # noqa: N802
        return await self._unary("Embed", request, context)

    async def ListModels(self, request: Any, context: Any) -> Any:  # noqa: N802
        return await self._unary("ListModels", request, context)

    async def CountTokens(self, request: Any, context: Any) -> Any:  # noqa: N802
        return await self._unary("CountTokens", request, context)

    async def ReportOutcome(self, request: Any, context: Any) -> Any:  # noqa: N802
        return await self._unary("ReportOutcome", request, context)


class _Unscripted:
    """The operations of AdminService that no client calls yet."""

    async def _refuse(self, request: Any, context: Any) -> Any:
        await context.abort(grpc.StatusCode.UNIMPLEMENTED, "not scripted")

    GetStatistics = GetUsage = SetTargetState = UpsertModel = RemoveModel = _refuse
    ExportConfiguration = ImportConfiguration = ReloadConfiguration = _refuse


class _Admin(_Unscripted, _Scripted, AdminServiceServicer):
    """The service that operators call."""

    async def GetTable(self, request: Any, context: Any) -> Any:  # noqa: N802
        return await self._unary("GetTable", request, context)

    async def WatchTable(self, request: Any, context: Any) -> AsyncIterator[Any]:  # noqa: N802
        async for message in self._stream("WatchTable", request, context):
            yield message

    async def RunDrill(self, request: Any, context: Any) -> AsyncIterator[Any]:  # noqa: N802
        async for message in self._stream("RunDrill", request, context):
            yield message

    async def PullModel(self, request: Any, context: Any) -> AsyncIterator[Any]:  # noqa: N802
        async for message in self._stream("PullModel", request, context):
            yield message

    async def ListWorkers(self, request: Any, context: Any) -> Any:  # noqa: N802
        return await self._unary("ListWorkers", request, context)


class ScriptedRouter:
    """The server on a free loopback port: `async with ScriptedRouter(script) as router: router.address`."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self._server = aio.server()
        self._health = HealthServicer()
        add_RouterServiceServicer_to_server(_Router(script), self._server)
        add_AdminServiceServicer_to_server(_Admin(script), self._server)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        self.address = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"

    async def serving(self, serving: bool) -> None:
        """Say whether the router takes new calls."""
        status = health_pb2.HealthCheckResponse.SERVING if serving else health_pb2.HealthCheckResponse.NOT_SERVING
        await self._health.set(SERVICE, status)

    async def __aenter__(self) -> Self:
        await self.serving(True)
        await self._server.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._health.enter_graceful_shutdown()
        await self._server.stop(0)


def table_of(*targets: str) -> admin_pb2.GetTableResponse:
    """A table with a ready row for each target."""
    response = admin_pb2.GetTableResponse()
    for target in targets:
        response.rows.add(
            target=target,
            provider=target.partition("/")[0],
            state=target_pb2.TARGET_STATE_READY,
            workers=1,
            capacity=8,
        )
    return response


def completed(text: str, target: str = "openai/gpt-4o-mini") -> list[router_pb2.StreamCompleteResponse]:
    """The events of a plain answer."""
    first = router_pb2.StreamCompleteResponse()
    first.decision.decision_id = "d1"
    first.decision.profile = "balanced"
    first.decision.plan.append(target)
    last = router_pb2.StreamCompleteResponse()
    done = last.completed
    done.finish_reason = chat_pb2.FINISH_REASON_STOP
    done.target, done.decision_id, done.cost_nanodollars = target, "d1", 130_000
    done.usage.input_tokens, done.usage.output_tokens = 12, 34
    done.latency.FromMilliseconds(420)
    attempt = done.attempts.add(number=1, target=target, kind=1, outcome=1, cost_nanodollars=130_000)
    attempt.latency.FromMilliseconds(410)
    attempt.first_token.FromMilliseconds(120)
    attempt.usage.CopyFrom(done.usage)
    return [first, *(router_pb2.StreamCompleteResponse(text_delta=word) for word in text.split("|")), last]
