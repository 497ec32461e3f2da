"""What response headers say about waiting and rate limits."""

from datetime import UTC, datetime

import pytest

from provider_workers.backends.base import RateLimitLeft
from provider_workers.backends.headers import rate_limit, retry_after
from provider_workers.backends.shapes import LARGEST_COUNT
from service_common.link import LONGEST_WAIT

NOW = datetime(2026, 11, 21, 10, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "12"}, 12.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after": "Sat, 21 Nov 2026 10:00:30 GMT"}, 30.0),
        ({"retry-after": "Sat, 21 Nov 2026 09:00:00 GMT"}, 0.0),
        ({"retry-after-ms": "1500", "retry-after": "2"}, 1.5),
        ({"retry-after": "99999999"}, LONGEST_WAIT),
        ({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "1m2.5s"}, 62.5),
        ({"x-ratelimit-remaining-tokens": "5", "x-ratelimit-reset-tokens": "6m0s"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "9" * 400}, LONGEST_WAIT),
        ({"retry-after": "Wed, 21 Oct 99999999999999999999 07:28:00 GMT"}, None),
        ({"retry-after": "Wed, 21 Oct 2030 07:28:00 +99999999999999999999"}, None),
        ({}, None),
    ],
)
def test_the_wait_that_is_asked_for(headers: dict[str, str], seconds: float | None) -> None:
    """Seconds, milliseconds, dates and used-up limits are read; nonsense says nothing."""
    assert retry_after(headers, NOW) == seconds


def test_openais_rate_limit() -> None:
    """Counts and durations of OpenAI's headers."""
    headers = {
        "x-ratelimit-limit-requests": "60",
        "x-ratelimit-remaining-requests": "59",
        "x-ratelimit-reset-requests": "1s",
        "x-ratelimit-remaining-tokens": "149984",
        "x-ratelimit-reset-tokens": "20ms",
    }
    assert rate_limit(headers, NOW) == RateLimitLeft(
        remaining_requests=59, remaining_tokens=149984, requests_reset=1.0, tokens_reset=0.02, limit_requests=60
    )


def test_anthropics_rate_limit() -> None:
    """Anthropic names them the other way round and gives dates."""
    headers = {
        "anthropic-ratelimit-requests-remaining": "3",
        "anthropic-ratelimit-requests-reset": "2026-11-21T10:01:00Z",
    }
    assert rate_limit(headers, NOW) == RateLimitLeft(remaining_requests=3, requests_reset=60.0)


def test_counts_beyond_any_meaning_are_bounded() -> None:
    """A header of hundreds of digits neither breaks the answer nor the heartbeat that tells of it."""
    left = rate_limit({"x-ratelimit-remaining-requests": "9" * 400}, NOW)
    assert left is not None
    assert left.remaining_requests == LARGEST_COUNT


def test_no_headers_no_limit() -> None:
    """Nothing said is not nothing left."""
    assert rate_limit({"content-type": "text/html"}, NOW) is None


@pytest.mark.parametrize("digits", [30, 400])
def test_a_count_beyond_all_bounds_is_a_large_one(digits: int) -> None:
    """What no integer on the wire holds would end the heartbeats that report it."""
    headers = {"x-ratelimit-remaining-requests": "9" * digits, "x-ratelimit-limit-tokens": "9" * digits}
    assert rate_limit(headers, NOW) == RateLimitLeft(remaining_requests=LARGEST_COUNT, limit_tokens=LARGEST_COUNT)
