"""What every procedure of the router shares: a recording per call, and errors that become statuses in one place."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Generic, TypeVar, cast

import grpc
from google.protobuf.message import DecodeError, Message
from msgspec import Struct

from router_service.contracts.recording import CallOrigin, CallRecording, Recorder
from router_service.domain.errors import InvalidRequest, RouterError, Violation
from router_service.recording.tallies import CallTally
from router_service.server.statuses import error_status

log = logging.getLogger(__name__)

MessageT = TypeVar("MessageT", bound=Message)
Context = grpc.aio.ServicerContext[Any, Any]

# The caller's deadline ends the call here a little sooner, so that the attempt log still reaches the caller.
DEADLINE_MARGIN_SHARE = 0.02
LONGEST_DEADLINE_MARGIN = 0.05
CALLER_LEFT = "the caller went away"


class Received(Struct, Generic[MessageT], frozen=True):
    """The bytes of a message, which are passed on untouched, and what they say (None: they cannot be read)."""

    body: bytes
    parsed: MessageT | None

    @property
    def message(self) -> MessageT:
        """The message.

        Raises:
            InvalidRequest: the bytes are no such message. Raised here, inside the call's boundary, because what fails
                in a deserialiser ends as UNKNOWN.
        """
        if self.parsed is None:
            raise InvalidRequest((Violation("", "the request cannot be read: its bytes are no message of this kind"),))
        return self.parsed


def receive(message_class: type[MessageT]) -> Callable[[bytes], Received[MessageT]]:
    """A deserialiser that keeps the bytes."""

    def parse(body: bytes) -> Received[MessageT]:
        try:
            return Received(body, message_class.FromString(body))
        except DecodeError:
            return Received(body, None)

    return parse


def serialise(message: Message) -> bytes:
    """Any message's bytes."""
    return message.SerializeToString()


async def abort(
    context: Context, code: grpc.StatusCode, message: str, trailing_metadata: Sequence[tuple[str, str | bytes]] = ()
) -> None:
    """End a call with a status, by raising; where gRPC says that its caller has just left, nobody is left to tell."""
    with suppress(grpc.aio.InternalError):
        await context.abort(code, message, tuple(trailing_metadata))


def time_left(context: Context) -> float | None:
    """Seconds until the caller's deadline, less a margin for the answer's way back; None: it set none."""
    # The stub promises a float, but a call without a deadline has None.
    left = cast("float | None", context.time_remaining())
    if left is None:
        return None
    return max(0.0, left - min(LONGEST_DEADLINE_MARGIN, left * DEADLINE_MARGIN_SHARE))


class CallBoundary:
    """What stands around every call: its recording, its status, and the count of those in progress.

    Attributes:
        tally: the calls that ended.
    """

    def __init__(self, recorder: Recorder, tally: CallTally) -> None:
        """Open recordings with `recorder`."""
        self._recorder = recorder
        self.tally = tally
        self._active = 0
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def active(self) -> int:
        """Calls in progress."""
        return self._active

    async def wait_until_idle(self, timeout: float) -> bool:
        """Wait until no call is in progress, `timeout` seconds at most; whether it came to that."""
        try:
            async with asyncio.timeout(timeout):
                await self._idle.wait()
        except TimeoutError:
            return False
        return True

    def recorded(self, method: str, context: Context) -> "RecordedCall":
        """What stands around one call."""
        return RecordedCall(self, method, context)

    def begin(self, origin: CallOrigin) -> CallRecording:
        """One more call is in progress; `end` follows."""
        recording = self._recorder.call_started(origin)
        self._active += 1
        self._idle.clear()
        return recording

    def end(self) -> None:
        """One call less is in progress."""
        self._active -= 1
        if not self._active:
            self._idle.set()


class RecordedCall:
    """Gives one call its recording; a `RouterError` inside becomes its status, and so does anything unforeseen.

    A class, since a generator with `asynccontextmanager` takes three times as long around every call.
    """

    __slots__ = ("_began", "_boundary", "_context", "_method", "_recording")

    def __init__(self, boundary: CallBoundary, method: str, context: Context) -> None:
        """Begin nothing yet."""
        self._boundary = boundary
        self._method = method
        self._context = context

    async def __aenter__(self) -> CallRecording:
        """The call begins."""
        self._began = self._boundary.tally.began()
        self._recording = self._boundary.begin(_origin(self._method, self._context))
        return self._recording

    async def __aexit__(self, kind: object, error: BaseException | None, trace: object) -> bool | None:
        """The call is over. Nothing is raised where nobody is left to tell."""
        try:
            if error is None:
                self._ended(grpc.StatusCode.OK)
            elif isinstance(error, grpc.aio.InternalError):
                # What gRPC raises where an event was being written when the caller left.
                self._ended(grpc.StatusCode.CANCELLED, CALLER_LEFT)
                return True
            elif isinstance(error, GeneratorExit):
                # The caller left as well: gRPC drops a generator whose message was being written.
                self._ended(grpc.StatusCode.CANCELLED, CALLER_LEFT)
            elif isinstance(error, Exception | asyncio.CancelledError):
                await self._end_with(error)
                return True
            return None
        finally:
            self._boundary.end()

    async def _end_with(self, error: Exception | asyncio.CancelledError) -> None:
        """Record what ended the call and make it the call's status."""
        match error:
            case RouterError():
                status = error_status(error, self._recording.trace_id)
                self._ended(status.code, error.message)
                await abort(self._context, status.code, status.details, status.trailing_metadata or ())
            case asyncio.CancelledError():
                self._ended(grpc.StatusCode.CANCELLED, CALLER_LEFT)
                raise error
            case _:
                log.error("%s failed in a way that was not foreseen", self._method, exc_info=error)
                message = "the router failed in a way that was not foreseen; its log says more"
                self._ended(grpc.StatusCode.INTERNAL, message)
                await abort(self._context, grpc.StatusCode.INTERNAL, message)

    def _ended(self, code: grpc.StatusCode, error: str = "") -> None:
        """Record how; called exactly once."""
        self._boundary.tally.note(self._method, code.name, self._began)
        self._recording.ended(code.name, error)


def _origin(method: str, context: Context) -> CallOrigin:
    trace = {"traceparent": "", "tracestate": ""}
    for key, value in context.invocation_metadata() or ():
        if key in trace:
            trace[key] = str(value)
    return CallOrigin(method, trace["traceparent"], trace["tracestate"], context.peer() or "")
