"""What stands around every call ends with it, whatever goes wrong."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, cast

import grpc
import pytest

from router_service.contracts.recording import CallOrigin, CallRecording
from router_service.domain.errors import NoTarget
from router_service.recording.tallies import CallTally
from router_service.recording.untraced import UntracedRecorder
from router_service.server.handling import CallBoundary, Context
from tests.support.routing import StillClock


class Caller:
    """What a call's context says of its caller."""

    def invocation_metadata(self) -> tuple[Any, ...]:
        """None."""
        return ()

    def peer(self) -> str:
        """Nobody in particular."""
        return "ipv4:127.0.0.1:1"


class Gone(Caller):
    """A caller that has just left: gRPC cannot send it a status."""

    async def abort(self, code: grpc.StatusCode, details: str, trailing_metadata: tuple[Any, ...]) -> None:
        """See `grpc.aio.ServicerContext.abort`."""
        raise grpc.aio.InternalError("ExecuteBatchError")


class Refusing:
    """A recorder that fails."""

    def call_started(self, origin: CallOrigin) -> CallRecording:
        """See `Recorder.call_started`."""
        raise LookupError("no recording today")


Procedure = grpc.aio.UnaryStreamMultiCallable[bytes, bytes]

CALLER = cast(Context, Caller())


async def test_a_call_that_cannot_be_recorded_is_not_in_progress() -> None:
    """Else every later drain would wait for it in vain."""
    boundary = CallBoundary(Refusing(), CallTally(StillClock()))
    with pytest.raises(LookupError):
        async with boundary.recorded("m", CALLER):
            pass
    assert boundary.active == 0
    assert await boundary.wait_until_idle(10.0)


async def write_in_vain() -> None:
    """What `context.write` does then."""
    raise grpc.aio.InternalError("Internal error from Core")


async def test_a_write_to_a_caller_that_left_is_no_mistake() -> None:
    """gRPC raises its own error where an event was being written just then: the call counts as cancelled."""
    tally = CallTally(StillClock())
    boundary = CallBoundary(UntracedRecorder(), tally)
    async with boundary.recorded("m", CALLER):
        await write_in_vain()
    assert boundary.active == 0
    assert tally.ended == {("m", "CANCELLED"): 1}


async def test_a_caller_that_leaves_while_a_message_is_written_is_counted() -> None:
    """gRPC drops the procedure's generator where it stands: the call counts as cancelled, however late it is told."""
    tally = CallTally(StillClock())
    boundary = CallBoundary(UntracedRecorder(), tally)

    async def flood(request: bytes, context: Context) -> AsyncIterator[bytes]:
        async with boundary.recorded("m", context):
            while True:
                yield bytes(1_000_000)

    server = grpc.aio.server()
    handlers: dict[str, grpc.RpcMethodHandler[Any, Any]] = {"Flood": grpc.unary_stream_rpc_method_handler(flood)}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Service", handlers),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            procedure: Procedure = channel.unary_stream("/test.Service/Flood")
            call = procedure(b"")
            await call.read()
            await asyncio.sleep(0.2)  # the next messages fill the windows, and one waits to be written
            call.cancel()
            assert await boundary.wait_until_idle(20.0)
    finally:
        await server.stop(None)
    assert tally.ended == {("m", "CANCELLED"): 1}


@pytest.mark.parametrize("error", [NoTarget("nobody"), LookupError("what?")])
async def test_a_status_for_a_caller_that_left_is_sent_in_vain(error: Exception) -> None:
    """The call is counted by how it ended, and gRPC has nothing to complain of."""
    tally = CallTally(StillClock())
    boundary = CallBoundary(UntracedRecorder(), tally)

    async def fail() -> None:
        raise error

    async with boundary.recorded("m", cast(Context, Gone())):
        await fail()
    assert boundary.active == 0
    [(_, code)] = tally.ended
    assert code in ("UNAVAILABLE", "FAILED_PRECONDITION", "INTERNAL")
