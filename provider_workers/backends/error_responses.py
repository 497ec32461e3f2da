"""Errors that providers report as JSON, in OpenAI's shape or near it, mapped once to failure classes.

By code and type first, by status, by words last.
"""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from provider_workers.backends.base import ProviderFailure
from provider_workers.backends.headers import retry_after
from provider_workers.backends.meaning import GATEWAY, WHOLE_BACKEND, by_status, failure_class_of, says_quota
from service_common.failures import FailureClass

_BY_CODE: Mapping[str, FailureClass] = {
    "context_length_exceeded": FailureClass.CONTEXT_EXCEEDED,
    "string_above_max_length": FailureClass.CONTEXT_EXCEEDED,
    "insufficient_quota": FailureClass.QUOTA_EXHAUSTED,
    "billing_hard_limit_reached": FailureClass.QUOTA_EXHAUSTED,
    "billing_not_active": FailureClass.QUOTA_EXHAUSTED,
    "insufficient_balance": FailureClass.QUOTA_EXHAUSTED,
    "rate_limit_exceeded": FailureClass.RATE_LIMITED,
    "rate_limited": FailureClass.RATE_LIMITED,
    "requests": FailureClass.RATE_LIMITED,
    "tokens": FailureClass.RATE_LIMITED,
    "rate_limit_error": FailureClass.RATE_LIMITED,
    "content_filter": FailureClass.CONTENT_FILTERED,
    "content_policy_violation": FailureClass.CONTENT_FILTERED,
    "moderation_blocked": FailureClass.CONTENT_FILTERED,
    "invalid_api_key": FailureClass.AUTH,
    "invalid_authentication": FailureClass.AUTH,
    "account_deactivated": FailureClass.AUTH,
    "authentication_error": FailureClass.AUTH,
    "permission_error": FailureClass.AUTH,
    "model_not_found": FailureClass.UNSUPPORTED,
    "model_decommissioned": FailureClass.UNSUPPORTED,
    "unsupported_parameter": FailureClass.UNSUPPORTED,
    "unsupported_value": FailureClass.UNSUPPORTED,
    "unknown_parameter": FailureClass.UNSUPPORTED,
    "unsupported_country_region_territory": FailureClass.AUTH,
    "overloaded_error": FailureClass.OVERLOADED,
    "overloaded": FailureClass.OVERLOADED,
    "service_unavailable": FailureClass.OVERLOADED,
}


def response_failure(status: int, headers: Mapping[str, str], body: bytes, now: datetime) -> ProviderFailure:
    """The failure that a response with an error status is.

    Args:
        status: outside 200 to 299.
        headers: with case-insensitive lookup.
        body: as much of it as was read.
        now: the date and time in UTC, for dates in headers.
    """
    error = _error_object(body)
    if error is None:
        return _unknown_body(status, headers, body, now)
    failure_class = _classify(status, error)
    return ProviderFailure(
        failure_class,
        _words(error) or f"HTTP {status}",
        http_status=status,
        retry_after=retry_after(headers, now),
        backend_wide=failure_class in WHOLE_BACKEND,
    )


def stream_failure(error: object) -> ProviderFailure:
    """The failure that an `error` inside a stream is. Without a code that says more, the provider broke down."""
    detail = error if isinstance(error, dict) else {"message": str(error)}
    status = _status(detail.get("code") or detail.get("status_code"))
    failure_class = _classify(status or 500, detail)
    return ProviderFailure(
        failure_class,
        _words(detail) or "the provider reported an error inside its answer",
        http_status=status,
        backend_wide=failure_class in WHOLE_BACKEND,
    )


def _status(code: object) -> int:
    """The HTTP status that a code is, as a number or spelt; 0: it is none."""
    if isinstance(code, str) and len(code) == 3 and code.isdecimal():
        code = int(code)
    return code if isinstance(code, int) and 400 <= code <= 599 else 0


def _classify(status: int, error: Mapping[str, Any]) -> FailureClass:
    message = _words(error)
    named = [str(error[key]).lower() for key in ("code", "type", "reason") if error.get(key)]
    if status in (404, 413) and "rate_limit_exceeded" in named:
        return FailureClass.UNSUPPORTED  # Groq: larger than the tier's whole window, so that waiting does not help
    for name in named:
        if name in _BY_CODE:
            return _refined(_BY_CODE[name], message)
    metadata = error.get("metadata")
    if status == 403 and isinstance(metadata, dict) and "reasons" in metadata:
        return FailureClass.CONTENT_FILTERED  # OpenRouter: moderation
    return failure_class_of(status, message)


def _refined(failure_class: FailureClass, message: str) -> FailureClass:
    if failure_class is FailureClass.RATE_LIMITED and says_quota(message):
        return FailureClass.QUOTA_EXHAUSTED
    return failure_class


def _error_object(body: bytes) -> dict[str, Any] | None:
    """The error in any shape seen: `{"error": {...}}`, `{"error": "..."}`, `{"message": ...}`, `{"detail": ...}`."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if isinstance(value, list) and value:
        value = value[0]
    if not isinstance(value, dict):
        return None
    inner = value.get("error")
    if isinstance(inner, dict):
        return inner
    if isinstance(inner, str):
        return {**value, "message": inner}
    if "message" in value:
        return value
    return {"message": json.dumps(value["detail"])} if "detail" in value else None


def _words(error: Mapping[str, Any]) -> str:
    message = error.get("message")
    if isinstance(message, str):
        return message
    return "" if message is None else json.dumps(message)


def _unknown_body(status: int, headers: Mapping[str, str], body: bytes, now: datetime) -> ProviderFailure:
    """A proxy's page, an empty body, another server altogether."""
    kind = headers.get("content-type", "no content type")
    if status in (404, 405):
        said = f"HTTP {status} without an error object: base_url does not lead to a provider of this wire"
        return ProviderFailure(FailureClass.UNSUPPORTED, said, http_status=status)
    failure_class = by_status(status)
    return ProviderFailure(
        failure_class,
        f"HTTP {status} ({kind}, {len(body)} bytes){_doubt(status, kind)}",
        http_status=status,
        retry_after=retry_after(headers, now),
        backend_wide=failure_class in WHOLE_BACKEND,
    )


def _doubt(status: int, kind: str) -> str:
    """What a page says where no gateway stands before the provider: the address is another server's."""
    doubtful = kind.startswith("text/html") and status not in GATEWAY
    return ": is base_url the provider's address?" if doubtful else ""
