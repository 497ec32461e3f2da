"""What a provider's response headers say about waiting and rate limits."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from provider_workers.backends.base import RateLimitLeft
from provider_workers.backends.shapes import LARGEST_COUNT
from service_common.link import LONGEST_WAIT

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_RATE_LIMIT_FAMILIES = (("x-ratelimit-", "{0}-{1}"), ("anthropic-ratelimit-", "{1}-{0}"))
_RATE_LIMIT_FIGURES = tuple((what, unit) for what in ("remaining", "reset", "limit") for unit in ("requests", "tokens"))
_RATE_LIMIT_NAMES = tuple(
    prefix + order.format(*figure) for prefix, order in _RATE_LIMIT_FAMILIES for figure in _RATE_LIMIT_FIGURES
)
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds that the provider asks to be left alone; None where it does not say.

    Reads `retry-after-ms` (OpenAI, Azure), then `Retry-After` in seconds or as an HTTP date (RFC 9110, 10.2.3), then
    the reset of whichever rate limit is used up.

    Args:
        headers: of the response, with case-insensitive lookup.
        now: the date and time in UTC.
    """
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return _bounded(milliseconds / 1000)
    stated = headers.get("retry-after")
    if stated is not None:
        seconds = _number(stated)
        if seconds is None:
            seconds = _until(stated, now)
        if seconds is not None:
            return _bounded(seconds)
    left = rate_limit(headers, now)
    if left is None:
        return None
    resets = [
        reset
        for remaining, reset in (
            (left.remaining_requests, left.requests_reset),
            (left.remaining_tokens, left.tokens_reset),
        )
        if remaining == 0 and reset is not None
    ]
    return _bounded(max(resets)) if resets else None


def tells_rate_limit(headers: Mapping[str, str]) -> bool:
    """Whether `rate_limit` would find anything."""
    return any(name in headers for name in _RATE_LIMIT_NAMES)


def rate_limit(headers: Mapping[str, str], now: datetime) -> RateLimitLeft | None:
    """What is left of the rate limit by the `x-ratelimit-*` or `anthropic-ratelimit-*` headers; None without them."""
    for prefix, order in _RATE_LIMIT_FAMILIES:
        values = {(what, unit): headers.get(prefix + order.format(what, unit)) for what, unit in _RATE_LIMIT_FIGURES}
        if any(value is not None for value in values.values()):
            return RateLimitLeft(
                remaining_requests=_count(values["remaining", "requests"]),
                remaining_tokens=_count(values["remaining", "tokens"]),
                requests_reset=_reset(values["reset", "requests"], now),
                tokens_reset=_reset(values["reset", "tokens"], now),
                limit_requests=_count(values["limit", "requests"]),
                limit_tokens=_count(values["limit", "tokens"]),
            )
    return None


def _reset(text: str | None, now: datetime) -> float | None:
    """Seconds out of `1m30s`, `20ms`, `12`, or an RFC 3339 or HTTP date."""
    if text is None:
        return None
    text = text.strip()
    number = _number(text)
    if number is not None:
        return _bounded(number)
    if re.fullmatch(rf"(?:{_DURATION.pattern})+", text):
        return _bounded(sum(float(match[1]) * _SECONDS[match[2]] for match in _DURATION.finditer(text)))
    return _until(text, now)


def _until(text: str, now: datetime) -> float | None:
    for parse in (parsedate_to_datetime, datetime.fromisoformat):
        try:
            moment = parse(text.strip())
        except (ValueError, OverflowError):  # the latter from numbers that no calendar holds
            continue
        aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return _bounded((aware - now).total_seconds())
    return None


def _number(text: str | None) -> float | None:
    if text is None or not re.fullmatch(r"\d+(\.\d+)?", text.strip()):
        return None
    return float(text)


def _count(text: str | None) -> int | None:
    number = _number(text)
    return None if number is None else int(min(number, LARGEST_COUNT))


def _bounded(seconds: float) -> float:
    return min(max(seconds, 0.0), LONGEST_WAIT)
