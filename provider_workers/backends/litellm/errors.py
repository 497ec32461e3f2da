"""litellm's exceptions, mapped once to failure classes: by type, then by status and words where a type means many."""

import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypeVar

import aiohttp
import httpx
from aiohttp.http_exceptions import HttpProcessingError
from litellm import exceptions
from pydantic import ValidationError

from provider_workers.backends.base import ProviderFailure
from provider_workers.backends.error_responses import stream_failure
from provider_workers.backends.headers import retry_after
from provider_workers.backends.litellm.wording import json_in, of_connection, plain
from provider_workers.backends.meaning import WHOLE_BACKEND, failure_class_of
from provider_workers.backends.ways import PROXY_WANTS_CREDENTIALS, broken, of_body, refused, words_of
from service_common.failures import FailureClass
from service_common.link import LONGEST_WAIT

_BY_TYPE: tuple[tuple[type[Exception], FailureClass], ...] = (
    (exceptions.ContextWindowExceededError, FailureClass.CONTEXT_EXCEEDED),
    (exceptions.ContentPolicyViolationError, FailureClass.CONTENT_FILTERED),
    (exceptions.RejectedRequestError, FailureClass.CONTENT_FILTERED),
    (exceptions.UnsupportedParamsError, FailureClass.UNSUPPORTED),
    (exceptions.PaymentRequiredError, FailureClass.QUOTA_EXHAUSTED),
    (exceptions.AuthenticationError, FailureClass.AUTH),
    (exceptions.NotFoundError, FailureClass.UNSUPPORTED),
    (exceptions.Timeout, FailureClass.UNAVAILABLE),
    (exceptions.ServiceUnavailableError, FailureClass.OVERLOADED),
    (exceptions.APIConnectionError, FailureClass.UNAVAILABLE),
    (exceptions.APIResponseValidationError, FailureClass.STREAM_BROKEN),
)
_UNREADABLE = (AttributeError, LookupError, TypeError, RecursionError, ValidationError)
"""What Python raises where litellm takes an answer for another shape than it has."""

_OVERLOADED = re.compile(r"(?i)overloaded|\b529\b")  # not the digits of a port
_PER_MOMENT = re.compile(r"PerMinute|PerSecond|per minute")
_PER_ACCOUNT = re.compile(r"PerDay|per day|insufficient_quota")
_RETRY_INFO = re.compile(r'\\?"retryDelay\\?":\s*\\?"(\d+(?:\.\d+)?)s')
_NOT_MAPPED = re.compile(r"Unmapped LLM provider|LLM Provider NOT provided")
_MOST_CAUSES = 20
_Cause = TypeVar("_Cause", bound=Exception)


def failure(error: Exception, now: datetime, where: str, *, answering: bool) -> ProviderFailure:
    """The failure that an exception of litellm is.

    Args:
        error: as litellm raised it, or one of its providers' own that it let through.
        now: the date and time in UTC, for dates in headers.
        where: the provider's host and port, or its name.
        answering: whether the answer had begun, so that a lost connection broke it.
    """
    refused = _behind(error, ProviderFailure)
    if refused is not None:
        return refused
    inner = error
    while isinstance(inner, exceptions.MidStreamFallbackError) and inner.original_exception is not None:
        inner = inner.original_exception
    answering = answering or of_body(_behind(inner, HttpProcessingError))
    way = _way_broken(inner, where, answering=answering)
    if way:
        return ProviderFailure(FailureClass.STREAM_BROKEN if answering else FailureClass.UNAVAILABLE, way)
    if unreadable := _unreadable(inner):
        said = f"litellm cannot read the answer of {where}: it is of another shape than expected ({unreadable})"
        return ProviderFailure(FailureClass.STREAM_BROKEN, said)
    said = str(getattr(inner, "message", "") or inner)
    if _NOT_MAPPED.search(said):  # by litellm itself: nobody was asked, so that another target may well answer
        said = "litellm has no call of this kind for the provider, or does not know the provider's name"
        return ProviderFailure(FailureClass.UNSUPPORTED, said)
    status = _status(inner)
    failure_class = _classify(inner, status, said)
    if answering and isinstance(inner, exceptions.APIConnectionError):
        failure_class = FailureClass.STREAM_BROKEN
    return ProviderFailure(
        failure_class,
        plain(said, status),
        http_status=0 if isinstance(inner, exceptions.APIConnectionError | exceptions.Timeout) else status,
        retry_after=_wait(inner, said, now),
        backend_wide=failure_class in WHOLE_BACKEND,
    )


def body_of(error: Exception) -> object:
    """The provider's error out of litellm's text, as JSON; empty where that holds none."""
    return json_in(str(getattr(error, "message", "") or error))


def reported(error: object) -> ProviderFailure:
    """The failure that an error inside a stream is, as the provider's own event has it, with Gemini's details."""
    found = stream_failure(error)
    said = json.dumps(error)
    of_moment = found.failure_class is FailureClass.QUOTA_EXHAUSTED and _PER_MOMENT.search(said)
    return ProviderFailure(
        FailureClass.RATE_LIMITED if of_moment else found.failure_class,
        found.message,
        http_status=found.http_status,
        retry_after=_retry_info(said),
        backend_wide=found.backend_wide and not of_moment,
    )


def _way_broken(error: Exception, where: str, *, answering: bool) -> str:
    """What broke on the way to the provider; empty where the provider itself answered."""
    cut = _behind(error, aiohttp.ClientPayloadError)
    if cut is not None:
        return broken(where, words_of(cut), answered=answering)
    lost = _behind(error, httpx.TransportError)
    if lost is not None:
        return of_connection(lost, where, answering=answering)
    unreadable = _behind(error, HttpProcessingError)
    if unreadable is not None:  # its own words hold bytes of the response
        return broken(where, words_of(unreadable), answered=answering)
    by_proxy = _behind(error, aiohttp.ClientHttpProxyError)
    status = _status(error) if by_proxy is None else by_proxy.status
    if by_proxy is None and status != PROXY_WANTS_CREDENTIALS:
        return ""
    return refused("the proxy that HTTP_PROXY or HTTPS_PROXY names", where, status)


def _unreadable(error: BaseException) -> str:
    """What Python calls an answer's odd shape; empty where something else went wrong."""
    if isinstance(error, exceptions.APIConnectionError):  # litellm's name for all that it does not expect
        error = error.__cause__ or error.__context__ or error
    return type(error).__name__ if isinstance(error, _UNREADABLE) else ""


def _behind(error: BaseException, kind: type[_Cause]) -> _Cause | None:
    """What broke the way, where that is behind an error: litellm makes a status of it, each time another."""
    behind: BaseException | None = error
    for _ in range(_MOST_CAUSES):
        if behind is None or isinstance(behind, kind):
            return behind
        behind = behind.__cause__ or behind.__context__
    return None


def _classify(error: Exception, status: int, said: str) -> FailureClass:
    for kind, failure_class in _BY_TYPE:
        if isinstance(error, kind):
            return failure_class
    if status == 429 and _PER_MOMENT.search(said):
        return FailureClass.RATE_LIMITED  # Gemini says "quota" of its windows, too
    if status == 429 and _PER_ACCOUNT.search(said):
        return FailureClass.QUOTA_EXHAUSTED
    if status in (500, 529) and _OVERLOADED.search(said):
        return FailureClass.OVERLOADED  # litellm makes a 500 of Anthropic's 529
    return failure_class_of(status, said)


def _status(error: Exception) -> int:
    status = getattr(error, "status_code", None)
    return status if isinstance(status, int) else 500


def _wait(error: Exception, said: str, now: datetime) -> float | None:
    response = getattr(error, "response", None)
    for headers in (
        getattr(error, "litellm_response_headers", None),
        getattr(error, "headers", None),
        getattr(response, "headers", None),
    ):
        wait = retry_after(_lowered(headers), now)
        if wait is not None:
            return wait
    return _retry_info(said)


def _retry_info(said: str) -> float | None:
    """Seconds that Google's details ask to wait."""
    told = _RETRY_INFO.search(said)
    return min(float(told[1]), LONGEST_WAIT) if told else None


def _lowered(headers: Any) -> dict[str, str]:
    """Headers of httpx, of a dict, or of nothing, by lower-case name."""
    return {str(name).lower(): str(value) for name, value in headers.items()} if isinstance(headers, Mapping) else {}
