"""A failed call as a gRPC status with google.rpc details and the attempt log: the one place that maps errors."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import grpc
from google.protobuf.any_pb2 import Any
from google.protobuf.message import Message
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, QuotaFailure, RetryInfo
from google.rpc.status_pb2 import Status
from grpc_status import rpc_status

from router_service.domain import errors
from router_service.domain.attempt import Failure
from router_service.server.decisions import fill_attempt
from router_service.server.wire import shortened
from service_common.durations import duration, fill_duration
from service_common.failures import POLICIES, Verdict
from trunkline.types.v1 import attempt_pb2 as attempt_pb

DOMAIN = "trunkline.dev"

# Status, details and message travel in headers, of which many clients accept 8 KiB: long stories are shortened.
MAX_STATUS_MESSAGE = 600
MAX_FAILURE_MESSAGE = 160
MAX_ATTEMPTS = 12
MAX_VIOLATIONS = 12
MAX_FIELD = 100
MAX_DESCRIPTION = 300
MAX_VIOLATION_BYTES = 1_500
"""Of all violations together; they travel twice, and a status that is too large arrives as another one."""

STATUSES: Mapping[type[errors.RouterError], grpc.StatusCode] = MappingProxyType(
    {
        errors.InvalidRequest: grpc.StatusCode.INVALID_ARGUMENT,
        errors.NoTarget: grpc.StatusCode.FAILED_PRECONDITION,
        errors.CallFailed: grpc.StatusCode.UNAVAILABLE,
        errors.Exhausted: grpc.StatusCode.RESOURCE_EXHAUSTED,
        errors.KeyReused: grpc.StatusCode.ALREADY_EXISTS,
        errors.DeadlinePassed: grpc.StatusCode.DEADLINE_EXCEEDED,
        errors.NotFound: grpc.StatusCode.NOT_FOUND,
        errors.NotKept: grpc.StatusCode.UNAVAILABLE,
    }
)

# By what the last failure says of the call that says anything.
STATUS_BY_VERDICT: Mapping[Verdict, grpc.StatusCode] = MappingProxyType(
    {
        Verdict.TRY_AGAIN: grpc.StatusCode.UNAVAILABLE,
        Verdict.SLOW_DOWN: grpc.StatusCode.RESOURCE_EXHAUSTED,
        Verdict.WRONG_REQUEST: grpc.StatusCode.INVALID_ARGUMENT,
        Verdict.NOT_POSSIBLE: grpc.StatusCode.FAILED_PRECONDITION,
    }
)


def status_code(error: errors.RouterError) -> grpc.StatusCode:
    """The gRPC status of a failed call."""
    last = _last_failure(error)
    if last is not None:
        return STATUS_BY_VERDICT[POLICIES[last.failure_class].verdict]
    return STATUSES.get(type(error), grpc.StatusCode.INTERNAL)


def error_reason(error: errors.RouterError) -> str:
    """Stable, UPPER_SNAKE_CASE: the last failure's class where attempts failed, else the error's own."""
    last = _last_failure(error)
    return error.reason if last is None else last.failure_class.name


def _last_failure(error: errors.RouterError) -> Failure | None:
    """The last failure that says something of the call, where its attempts are why it failed."""
    if not isinstance(error, errors.CallFailed):
        return None
    failures = (record.outcome.failure for record in reversed(error.attempts))
    return next((f for f in failures if f and POLICIES[f.failure_class].verdict is not Verdict.NOTHING), None)


def error_status(error: errors.RouterError, trace_id: str) -> grpc.Status:
    """The status that a servicer aborts with: code, message, details."""
    message = shortened(error.message, MAX_STATUS_MESSAGE)
    status = Status(code=status_code(error).value[0], message=message)
    for detail in _details(error, trace_id, message):
        packed = Any()
        packed.Pack(detail)
        status.details.append(packed)
    converted: grpc.Status = rpc_status.to_status(status)
    return converted


def _details(error: errors.RouterError, trace_id: str, message: str) -> list[Message]:
    reason = error_reason(error)
    decision_id = error.decision.decision_id if error.decision else ""
    metadata = {"decision_id": decision_id, "trace_id": trace_id}
    details: list[Message] = [
        ErrorInfo(reason=reason, domain=DOMAIN, metadata={key: value for key, value in metadata.items() if value})
    ]
    if error.retry_after is not None:
        details.append(RetryInfo(retry_delay=duration(error.retry_after)))
    if isinstance(error, errors.Exhausted):
        violation = QuotaFailure.Violation(subject="router", description=message)
        details.append(QuotaFailure(violations=[violation]))
    violations = _fitting(error.violations) if isinstance(error, errors.InvalidRequest) else []
    if violations:
        fields = [BadRequest.FieldViolation(field=v.field, description=v.description) for v in violations]
        details.append(BadRequest(field_violations=fields))
    call_error = attempt_pb.CallError(
        reason=reason,
        message=shortened(error.headline, MAX_STATUS_MESSAGE),
        violations=[attempt_pb.FieldViolation(field=v.field, description=v.description) for v in violations],
        decision_id=decision_id,
        trace_id=trace_id,
    )
    for record in error.attempts[-MAX_ATTEMPTS:]:
        attempt = call_error.attempts.add()
        fill_attempt(attempt, record)
        attempt.failure_message = attempt.failure_message[:MAX_FAILURE_MESSAGE]
    if error.retry_after is not None:
        fill_duration(call_error.retry_after, error.retry_after)
    details.append(call_error)
    return details


def _fitting(violations: Sequence[errors.Violation]) -> list[errors.Violation]:
    """As many of the violations as fit into a status, each shortened; the first always."""
    fitting: list[errors.Violation] = []
    size = 0
    for violation in violations[:MAX_VIOLATIONS]:
        field = shortened(violation.field, MAX_FIELD)
        description = shortened(violation.description, MAX_DESCRIPTION)
        size += len(field.encode()) + len(description.encode())
        if fitting and size > MAX_VIOLATION_BYTES:
            break
        fitting.append(errors.Violation(field, description))
    return fitting
