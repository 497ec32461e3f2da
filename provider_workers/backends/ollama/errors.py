"""Ollama's errors, mapped once to failure classes: by status, and by words where one status means many things."""

import json
import re
from collections.abc import Mapping
from datetime import datetime

from provider_workers.backends.base import ProviderFailure
from provider_workers.backends.headers import retry_after
from provider_workers.backends.meaning import WHOLE_BACKEND, by_status
from service_common.failures import FailureClass

_CONTEXT = re.compile(r"(?i)context (?:length|window|size)|(?:input length|prompt) exceeds|prompt is too long")
_UNSUPPORTED = re.compile(r"(?i)does not support|not supported|unsupported|invalid think value|missing vision")
_BUSY = re.compile(r"(?i)server busy|maximum pending requests")


def response_failure(status: int, headers: Mapping[str, str], body: bytes, now: datetime) -> ProviderFailure:
    """The failure that a response with an error status is; `now` is in UTC, for dates in headers."""
    said = _words(body)
    wait = retry_after(headers, now)
    if said is None:
        message = f"HTTP {status} without an error object: is base_url an Ollama's address?"
        return ProviderFailure(by_status(status), message, http_status=status, retry_after=wait)
    failure_class = _classify(status, said)
    backend_wide = failure_class in WHOLE_BACKEND
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
    return by_status(status)


def _words(body: bytes) -> str | None:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return None
    said = value.get("error") if isinstance(value, dict) else None
    if isinstance(said, dict):
        said = said.get("message")
    return said if isinstance(said, str) else None
