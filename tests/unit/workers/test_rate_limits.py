"""What is left of a provider's rate limit, as time passes, and how long to pause when nothing is."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from provider_workers.backends.base import RateLimitLeft
from provider_workers.backends.rate_limits import RateLimitReadings, grown, pause

WALL = datetime(2026, 1, 1, tzinfo=UTC)
EMPTY = RateLimitLeft(remaining_requests=0, limit_requests=60, requests_reset=60.0)


def openai(remaining: int, limit: int, reset: str) -> dict[str, str]:
    """The headers of OpenAI's wire about requests."""
    return {
        "x-ratelimit-remaining-requests": str(remaining),
        "x-ratelimit-limit-requests": str(limit),
        "x-ratelimit-reset-requests": reset,
    }


def test_a_reading_grows_towards_the_limit() -> None:
    """A model that is left alone does not look used up for ever."""
    readings = RateLimitReadings()
    assert readings.newest(0.0) is None
    readings.note("m", openai(0, 60, "1m0s"), WALL, 100.0)
    grown = [readings.newest(100.0 + later) for later in (0, 30, 60, 600)]
    assert [left and left.remaining_requests for left in grown] == [0, 30, 60, 60]
    assert [left and left.requests_reset for left in grown] == [60.0, 30.0, 0.0, 0.0]


def test_models_are_kept_apart() -> None:
    """One model's empty limit says nothing of another's; headers that say nothing change nothing."""
    readings = RateLimitReadings()
    readings.note("a", openai(0, 60, "60s"), WALL, 0.0)
    readings.note("b", openai(5, 10, "1s"), WALL, 0.0)
    readings.note("b", {"content-type": "text/event-stream"}, WALL, 0.0)
    assert readings.used_up("a", 0.0) == EMPTY
    assert readings.used_up("b", 0.0) is None
    assert readings.used_up("c", 0.0) is None
    newest = readings.newest(0.0)
    assert newest is not None
    assert newest.remaining_requests == 5


def test_anthropics_headers_tell_it_too() -> None:
    """Its names are others, its times are dates."""
    readings = RateLimitReadings()
    told = {
        "anthropic-ratelimit-requests-remaining": "0",
        "anthropic-ratelimit-requests-limit": "50",
        "anthropic-ratelimit-requests-reset": "2026-01-01T00:01:00Z",
    }
    readings.note("m", told, WALL, 0.0)
    left = readings.used_up("m", 0.0)
    assert left is not None
    assert pause(left, 100) == 60 / 50


def test_the_pause_is_as_long_as_one_more_request_takes_to_come_back() -> None:
    """Not until the whole limit is back, and for tokens as many as the last request took."""
    assert pause(EMPTY, 0) == 1.0
    tokens = RateLimitLeft(remaining_tokens=0, limit_tokens=1000, tokens_reset=60.0)
    assert pause(tokens, 500) == 30.0
    assert pause(RateLimitLeft(remaining_requests=1, limit_requests=60, requests_reset=60.0), 0) == 0
    assert pause(RateLimitLeft(), 100) == 0


@given(
    remaining=st.one_of(st.none(), st.integers(0, 100)),
    limit=st.one_of(st.none(), st.integers(0, 100)),
    reset=st.one_of(st.none(), st.floats(0, 1e5)),
    elapsed=st.floats(0, 1e6),
    tokens=st.integers(0, 10**6),
)
def test_no_reading_is_beyond_its_limit_and_no_pause_beyond_its_reset(
    remaining: int | None, limit: int | None, reset: float | None, elapsed: float, tokens: int
) -> None:
    """Whatever a provider's headers say."""
    left = RateLimitLeft(remaining_tokens=remaining, limit_tokens=limit, tokens_reset=reset)
    assert 0 <= pause(left, tokens) <= (reset or 0)
    later = grown(left, elapsed)
    if remaining is not None and limit is not None:
        assert later.remaining_tokens is not None
        assert min(remaining, limit) <= later.remaining_tokens <= max(remaining, limit)
