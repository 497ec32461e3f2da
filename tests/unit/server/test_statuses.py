"""Which gRPC status and which reason a failed call ends with, by what its attempts came to."""

from datetime import UTC, datetime

import grpc
import pytest

from router_service.domain.attempt import AttemptOutcome, AttemptRecord, Failure, Usage
from router_service.domain.errors import CallFailed, DeadlinePassed
from router_service.server.statuses import error_reason, status_code
from service_common.failures import FailureClass
from service_common.vocabulary import AttemptKind

STATUSES = {
    FailureClass.RATE_LIMITED: grpc.StatusCode.RESOURCE_EXHAUSTED,
    FailureClass.OVERLOADED: grpc.StatusCode.UNAVAILABLE,
    FailureClass.UNAVAILABLE: grpc.StatusCode.UNAVAILABLE,
    FailureClass.TIMEOUT_FIRST_TOKEN: grpc.StatusCode.UNAVAILABLE,
    FailureClass.TIMEOUT_IDLE: grpc.StatusCode.UNAVAILABLE,
    FailureClass.TIMEOUT_TOTAL: grpc.StatusCode.UNAVAILABLE,
    FailureClass.STREAM_BROKEN: grpc.StatusCode.UNAVAILABLE,
    FailureClass.CONTEXT_EXCEEDED: grpc.StatusCode.INVALID_ARGUMENT,
    FailureClass.CONTENT_FILTERED: grpc.StatusCode.FAILED_PRECONDITION,
    FailureClass.INVALID_REQUEST: grpc.StatusCode.INVALID_ARGUMENT,
    FailureClass.UNSUPPORTED: grpc.StatusCode.FAILED_PRECONDITION,
    FailureClass.AUTH: grpc.StatusCode.FAILED_PRECONDITION,
    FailureClass.QUOTA_EXHAUSTED: grpc.StatusCode.FAILED_PRECONDITION,
    FailureClass.WORKER_LOST: grpc.StatusCode.UNAVAILABLE,
}
SILENT = (FailureClass.CANCELLED, FailureClass.REFUSED_BY_WORKER)


def failed(failure_class: FailureClass) -> AttemptRecord:
    """An attempt that failed so."""
    outcome = AttemptOutcome(None, Failure(failure_class, "it failed"), Usage(), 1.0, None, 0)
    return AttemptRecord("d", 1, "a/m", AttemptKind.FIRST, datetime.now(UTC), outcome, "w", False)


@pytest.mark.parametrize("last", list(STATUSES))
def test_the_last_failure_that_says_something_decides(last: FailureClass) -> None:
    """What came before it does not count, nor what was cancelled or refused after it."""
    attempts = (failed(FailureClass.AUTH), failed(FailureClass.RATE_LIMITED), failed(last), *map(failed, SILENT))
    error = CallFailed("every attempt failed", attempts=attempts)
    assert (status_code(error), error_reason(error)) == (STATUSES[last], last.name)


def test_every_failure_class_says_something_or_nothing() -> None:
    """None was forgotten above."""
    assert {*STATUSES, *SILENT} == set(FailureClass)


def test_where_no_failure_says_anything_the_error_does() -> None:
    """A call whose attempts were all cancelled or refused may be tried again."""
    error = CallFailed("every attempt failed", attempts=tuple(map(failed, SILENT)))
    assert (status_code(error), error_reason(error)) == (grpc.StatusCode.UNAVAILABLE, "ALL_ATTEMPTS_FAILED")


def test_a_deadline_is_told_whatever_failed_before() -> None:
    """The attempts did not end the call."""
    error = DeadlinePassed("too late", attempts=(failed(FailureClass.AUTH),))
    assert status_code(error) is grpc.StatusCode.DEADLINE_EXCEEDED
    assert error_reason(error) == DeadlinePassed.reason
