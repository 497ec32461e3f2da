"""Ollama's errors, mapped once to failure classes: by status, and by words where one status means many things."""

import json
import re
from collections.abc import Mapping
from datetime import datetime

from provider_workers.backends.base import ProviderFailure
from provider_workers.backends.headers import retry_after
from service_common.failures import FailureClass

_BY_STATUS: Mapping[int, FailureClass] = {
    401: FailureClass.AUTH,
    402: FailureClass.QUOTA_EXHAUSTED,
    403: FailureClass.AUTH,
    404: FailureClass.UNSUPPORTED,
    405: FailureClass.UNSUPPORTED,
    408: FailureClass.UNAVAILABLE,
    413: FailureClass.CONTEXT_EXCEEDED,
    429: FailureClass.RATE_LIMITED,
    503: FailureClass.OVERLOADED,
}
_CONTEXT = re.compile(r"(?i)context (?:length|window|size)|(?:input length|prompt) exceeds|prompt is too long")
_UNSUPPORTED = re.compile(r"(?i)does not support|not supported|unsupported|invalid think value|missing vision")
_BUSY = re.compile(r"(?i)server busy|maximum pending requests")


def response_failure(status: int, headers: Mapping[str, str], body: bytes, now: datetime) -> ProviderFailure:
    """The failure that a response with an error status is; `now` is in UTC, for dates in headers."""
    said = _words(body)
    wait = retry_after(headers, now)
    if said is None:
        meant = _BY_STATUS.get(status, FailureClass.UNAVAILABLE if status >= 500 else FailureClass.UNSUPPORTED)
        message = f"HTTP {status} without an error object: is base_url an Ollama's address?"
        return ProviderFailure(meant, message, http_status=status, retry_after=wait)
    failure_class = _classify(status, said)
    backend_wide = failure_class in (FailureClass.AUTH, FailureClass.QUOTA_EXHAUSTED)
    return ProviderFailure(failure_class, said, http_status=status, retry_after=wait, backend_wide=backend_wide)


def stream_failure(said: object) -> ProviderFailure:
    """The failure that an `error` line inside a stream is."""
    message = said if isinstance(said, str) else json.dumps(said)
    return ProviderFailure(_classify(500, message), message)


def _classify(status: int, said: str) -> FailureClass:
    if _CONTEXT.search(said):
        return FailureClass.CONTEXT_EXCEEDED
    if _BUSY.search(said):
        return FailureClass.OVERLOADED
    if status in (400, 500) and _UNSUPPORTED.search(said):
        return FailureClass.UNSUPPORTED
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    return FailureClass.UNAVAILABLE if status >= 500 or status < 400 else FailureClass.INVALID_REQUEST


def _words(body: bytes) -> str | None:
    try:
        value = json.loads(body)
    except ValueError:
        return None
    said = value.get("error") if isinstance(value, dict) else None
    if isinstance(said, dict):
        said = said.get("message")
    return said if isinstance(said, str) else None
