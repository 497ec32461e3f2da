"""Foreign errors become this package's, once, here: a gRPC status with its details, and what gRPC says without one."""

import asyncio
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import Final, TypeVar, cast

import grpc
from google.protobuf.message import DecodeError
from grpc import aio

from trunkline._responses import attempt_of
from trunkline._wire import seconds_of
from trunkline.errors import (
    CallFailed,
    Cancelled,
    DeadlineExceeded,
    ErrorDetails,
    Exhausted,
    InternalError,
    InvalidRequest,
    NoTarget,
    NotFound,
    ProtocolError,
    TrunklineError,
    Unauthorized,
    Unavailable,
    Unimplemented,
    Violation,
)
from trunkline.types.v1 import attempt_pb2, status_pb2

_Message = TypeVar("_Message")

_DETAILS_KEY = "grpc-status-details-bin"
_CALL_ERROR = "trunkline.types.v1.CallError"

_BY_REASON: Mapping[str, type[TrunklineError]] = MappingProxyType(
    {
        "INVALID_REQUEST": InvalidRequest,
        "IDEMPOTENCY_KEY_REUSED": InvalidRequest,
        "NO_TARGET": NoTarget,
        "ALL_ATTEMPTS_FAILED": CallFailed,
        "EXHAUSTED": Exhausted,
        "DEADLINE_PASSED": DeadlineExceeded,
        "NOT_FOUND": NotFound,
    }
)

_BY_STATUS: Mapping[grpc.StatusCode, type[TrunklineError]] = MappingProxyType(
    {
        grpc.StatusCode.INVALID_ARGUMENT: InvalidRequest,
        grpc.StatusCode.OUT_OF_RANGE: InvalidRequest,
        grpc.StatusCode.ALREADY_EXISTS: InvalidRequest,
        grpc.StatusCode.FAILED_PRECONDITION: NoTarget,
        grpc.StatusCode.RESOURCE_EXHAUSTED: Exhausted,
        grpc.StatusCode.DEADLINE_EXCEEDED: DeadlineExceeded,
        grpc.StatusCode.NOT_FOUND: NotFound,
        grpc.StatusCode.UNAVAILABLE: Unavailable,
        grpc.StatusCode.CANCELLED: Cancelled,
        grpc.StatusCode.UNAUTHENTICATED: Unauthorized,
        grpc.StatusCode.PERMISSION_DENIED: Unauthorized,
        grpc.StatusCode.UNIMPLEMENTED: Unimplemented,
    }
)

_UNHEALTHY = "backend unhealthy"
"""What gRPC says, and nobody else could, where every router that it reaches says NOT_SERVING."""

_UNREADABLE = "Exception deserializing response!"
_ENDED_HERE = ("Locally cancelled by application!", "Channel closed!")
_TOO_LARGE: Final = re.compile(r"(CLIENT|SERVER): (Sent|Received) message larger than max \((\d+) vs\. (\d+)\)")
"""gRPC's own words, which no status code stands for."""


@contextmanager
def foreign_errors(address: str) -> Iterator[None]:
    """What gRPC raises inside becomes one of `trunkline.errors`; `address` is the router's.

    Where a call is cancelled on this side, gRPC's asyncio raises CancelledError in the task that waits for it, though
    nobody cancelled that task: a task group would swallow it.
    """
    try:
        yield
    except grpc.RpcError as failure:
        raise error_of(failure, address) from failure
    except (ValueError, aio.UsageError) as closed:  # sync and asyncio; values are checked before
        raise Cancelled(f"the client is closed: make another ({closed})") from closed
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        raise _ended_here() from None


def readable(message: _Message | None) -> _Message:
    """The message; gRPC's asyncio gives None for one that it cannot read.

    Raises:
        ProtocolError: it is None.
    """
    if message is None:
        raise _unreadable()
    return message


def _unreadable() -> ProtocolError:
    """The error for bytes that are no such message."""
    return ProtocolError("the answer cannot be read: is it a router that answers, and of this client's age?")


def _ended_here() -> Cancelled:
    """The error for who still waits for a call that was cancelled on this side."""
    return Cancelled("the call was ended here: its stream or its client was closed", ErrorDetails(status="CANCELLED"))


def error_of(failure: grpc.RpcError, address: str) -> TrunklineError:
    """The exception that says what a failed RPC means; `address` is the router's."""
    status = failure.code()
    try:
        call_error = _call_error(failure)
    except DecodeError as broken:
        return ProtocolError(f"the router's error details cannot be read ({broken}): {failure.details()}")
    if call_error is None:
        return _unexplained(status, failure.details() or "", address)
    # where attempts failed, the reason is the last one's failure class
    unnamed = CallFailed if call_error.attempts else _BY_STATUS.get(status, InternalError)
    kind = _BY_REASON.get(call_error.reason, unnamed)
    return kind(failure.details() or call_error.message or kind.__name__, _details_of(call_error, status))


def _unexplained(status: grpc.StatusCode, said: str, address: str) -> TrunklineError:
    """The exception for a status that came without the router's own account, most often from the way to it."""
    kind = _BY_STATUS.get(status, InternalError)
    if kind is Unavailable and _UNHEALTHY in said:
        message = f"the router at {address} takes no calls now: it is starting or stopping"
        return Unavailable(message, ErrorDetails(status=status.name, reason="NOT_SERVING"))
    if kind is Cancelled and any(words in said for words in _ENDED_HERE):
        return _ended_here()
    if kind is InternalError and _UNREADABLE in said:
        return _unreadable()
    if kind is Exhausted and (found := _TOO_LARGE.search(said)):
        return _too_large(found, status)
    return kind(_plain_message(kind, said, address), ErrorDetails(status=status.name))


def _too_large(found: re.Match[str], status: grpc.StatusCode) -> TrunklineError:
    """The error for a message above a limit: of the request the caller's mistake, of the answer a limit in its way."""
    side, verb, size, limit = found.groups()
    of_request = (side == "CLIENT") == (verb == "Sent")
    who = "this client" if side == "CLIENT" else "the router (its `max_message`)"
    description = f"has {int(size):,} bytes; {who} {'sends' if verb == 'Sent' else 'takes'} at most {int(limit):,}"
    if not of_request:
        return Exhausted(f"the answer {description}", ErrorDetails(status=status.name))
    violations = (Violation("request", description),)
    details = ErrorDetails(reason="INVALID_REQUEST", violations=violations, status=status.name)
    return InvalidRequest(f"the request {description}", details)


def _plain_message(kind: type[TrunklineError], said: str, address: str) -> str:
    """A message for an error that did not come from the router's own code but from the way to it."""
    if kind is Unavailable:
        return f"no router answers at {address} ({said})"
    if kind is DeadlineExceeded:
        return f"no whole answer came from {address} in time"
    if kind is Unimplemented:
        return f"the router at {address} has no such operation yet ({said})"
    return said or kind.__name__


def _call_error(failure: grpc.RpcError) -> attempt_pb2.CallError | None:
    """The router's own account of the failure, where the trailing metadata holds one.

    Raises:
        DecodeError: the metadata is not what its name says.
    """
    # asyncio's metadata are plain pairs, the others named ones; the type knows only of the latter
    metadata = cast(Iterable[tuple[str, str | bytes]], failure.trailing_metadata() or ())
    for key, value in metadata:
        if key == _DETAILS_KEY and isinstance(value, bytes):
            for detail in status_pb2.StatusDetails.FromString(value).details:
                if detail.type_url.endswith(_CALL_ERROR):
                    return attempt_pb2.CallError.FromString(detail.value)
    return None


def _details_of(call_error: attempt_pb2.CallError, status: grpc.StatusCode) -> ErrorDetails:
    """The details as values."""
    return ErrorDetails(
        reason=call_error.reason,
        attempts=tuple(attempt_of(attempt) for attempt in call_error.attempts),
        violations=tuple(Violation(violation.field, violation.description) for violation in call_error.violations),
        retry_after=seconds_of(call_error, "retry_after"),
        decision_id=call_error.decision_id,
        trace_id=call_error.trace_id,
        status=status.name,
        headline=call_error.message,
    )
