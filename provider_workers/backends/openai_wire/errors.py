"""Errors of the OpenAI wire, mapped once to failure classes: by code and type first, by status, by words last."""

import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from provider_workers.backends.base import ProviderFailure
from provider_workers.backends.headers import retry_after
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
    "server_error": FailureClass.UNAVAILABLE,
    "internal_server_error": FailureClass.UNAVAILABLE,
    "api_error": FailureClass.UNAVAILABLE,
}
_BY_STATUS: Mapping[int, FailureClass] = {
    401: FailureClass.AUTH,
    402: FailureClass.QUOTA_EXHAUSTED,
    403: FailureClass.AUTH,
    404: FailureClass.UNSUPPORTED,
    405: FailureClass.UNSUPPORTED,
    408: FailureClass.UNAVAILABLE,
    409: FailureClass.UNAVAILABLE,
    413: FailureClass.CONTEXT_EXCEEDED,
    425: FailureClass.UNAVAILABLE,
    429: FailureClass.RATE_LIMITED,
    498: FailureClass.OVERLOADED,  # Groq: flex tier capacity exceeded
    503: FailureClass.OVERLOADED,
    529: FailureClass.OVERLOADED,
}
_CONTEXT = re.compile(
    r"(?i)context[ _-](?:length|window|size)|maximum (?:context|input|prompt)|prompt is too long"
    r"|too many (?:input )?tokens|reduce the length|exceeds? the (?:model'?s? )?(?:max|available context)"
    r"|too large for model"
)
_FILTERED = re.compile(r"(?i)content (?:filter|policy|management policy)|ResponsibleAIPolicy|flagged|safety system")
_UNSUPPORTED = re.compile(
    r"(?i)(?:not|n't|un)[ -]?support|unrecognized request argument|unknown (?:parameter|field|argument)"
    r"|extra inputs are not permitted|does not (?:allow|accept)|prefill|last role|expected last"
    r"|not a (?:multimodal|chat|vision) model|only available"
)
_QUOTA = re.compile(r"(?i)insufficient (?:quota|balance|credit)|exceeded your current quota|billing|more credits")
_WHOLE_BACKEND = frozenset({FailureClass.AUTH, FailureClass.QUOTA_EXHAUSTED})
_WORDS_COUNT = frozenset({400, 403, 404, 413, 415, 422, 429})


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
        backend_wide=failure_class in _WHOLE_BACKEND,
    )


def stream_failure(error: object) -> ProviderFailure:
    """The failure that an `error` inside a stream is. Without a code that says more, the provider broke down."""
    detail = error if isinstance(error, dict) else {"message": str(error)}
    code = detail.get("code") or detail.get("status_code")
    status = code if isinstance(code, int) and 400 <= code <= 599 else 0
    failure_class = _classify(status or 500, detail)
    return ProviderFailure(
        failure_class,
        _words(detail) or "the provider reported an error inside its answer",
        http_status=status,
        backend_wide=failure_class in _WHOLE_BACKEND,
    )


def _classify(status: int, error: Mapping[str, Any]) -> FailureClass:
    message = _words(error)
    named = [str(error[key]).lower() for key in ("code", "type", "reason") if error.get(key)]
    if status in (404, 413) and "rate_limit_exceeded" in named:
        return FailureClass.UNSUPPORTED  # Groq: larger than the tier's whole window, so that waiting does not help
    for name in named:
        if name in _BY_CODE:
            return _refined(_BY_CODE[name], message)
    if status in _WORDS_COUNT:
        worded = _by_words(status, message)
        if worded is not None:
            return worded
    if status == 403 and isinstance(error.get("metadata"), dict) and "reasons" in error["metadata"]:
        return FailureClass.CONTENT_FILTERED  # OpenRouter: moderation
    if status >= 500:
        return _BY_STATUS.get(status, FailureClass.UNAVAILABLE)
    if status < 400:
        return FailureClass.UNAVAILABLE
    return _BY_STATUS.get(status, FailureClass.INVALID_REQUEST)


def _refined(failure_class: FailureClass, message: str) -> FailureClass:
    if failure_class is FailureClass.RATE_LIMITED and _QUOTA.search(message):
        return FailureClass.QUOTA_EXHAUSTED
    return failure_class


def _by_words(status: int, message: str) -> FailureClass | None:
    if status == 429:
        return FailureClass.QUOTA_EXHAUSTED if _QUOTA.search(message) else None
    if _CONTEXT.search(message):
        return FailureClass.CONTEXT_EXCEEDED
    if _FILTERED.search(message):
        return FailureClass.CONTENT_FILTERED
    if status in (400, 415, 422) and _UNSUPPORTED.search(message):
        return FailureClass.UNSUPPORTED
    return None


def _error_object(body: bytes) -> dict[str, Any] | None:
    """The error in any shape seen: `{"error": {...}}`, `{"error": "..."}`, `{"message": ...}`, `{"detail": ...}`."""
    try:
        value = json.loads(body)
    except ValueError:
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
    if status < 400:
        said = f"HTTP {status}: it redirects to {headers.get('location', 'nowhere')}; correct base_url"
        return ProviderFailure(FailureClass.UNAVAILABLE, said, http_status=status)
    if status in (404, 405):
        said = f"HTTP {status} without an error object: base_url does not lead to a provider of this wire"
        return ProviderFailure(FailureClass.UNSUPPORTED, said, http_status=status)
    failure_class = _BY_STATUS.get(status, FailureClass.UNAVAILABLE if status >= 500 else FailureClass.INVALID_REQUEST)
    return ProviderFailure(
        failure_class,
        f"HTTP {status} ({kind}, {len(body)} bytes)",
        http_status=status,
        retry_after=retry_after(headers, now),
        backend_wide=failure_class in _WHOLE_BACKEND,
    )
