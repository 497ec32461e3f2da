"""What providers say is left of their rate limits, kept per model, and how long to pause when nothing is.

OpenAI, Anthropic and Groq refill continuously: their reset is the time until the limit is whole again, not until
something is. So a reading grows towards the limit as time passes, and a pause is as long as one more request takes to
come back. A provider with fixed windows refuses then, and says itself how long to wait.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from provider_workers.backends.base import RateLimitLeft
from provider_workers.backends.headers import rate_limit, tells_rate_limit

SHORTEST_PAUSE = 0.05
"""Seconds; what comes back sooner is not worth telling anybody."""

MOST_MODELS = 1000


_NOTHING_LEFT = tuple(
    f"{prefix}-{name}"
    for prefix, names in (
        ("x-ratelimit", ("remaining-requests", "remaining-tokens")),
        ("anthropic-ratelimit", ("requests-remaining", "tokens-remaining")),
    )
    for name in names
)


class RateLimitReadings:
    """The newest headers of each model that tell of its rate limit. Times are monotonic seconds.

    They are only read when somebody asks: once per heartbeat, and where nothing is left.
    """

    def __init__(self) -> None:
        """Begin with none."""
        self._headers: dict[str, tuple[Mapping[str, str], datetime, float]] = {}
        self._newest = ""

    def note(self, model: str, headers: Mapping[str, str], wall: datetime, now: float) -> None:
        """Keep what a response to a request for `model` says, where it says anything."""
        if not tells_rate_limit(headers):
            return
        if model not in self._headers and len(self._headers) >= MOST_MODELS:
            self._headers.clear()
        self._headers[model] = (headers, wall, now)
        self._newest = model

    def newest(self, now: float) -> RateLimitLeft | None:
        """What should be left now of the limit that was heard of last; None: none was."""
        return self._left(self._newest, now)

    def used_up(self, model: str, now: float) -> RateLimitLeft | None:
        """What the provider last said of a model, where it said that nothing was left; else None."""
        found = self._headers.get(model)
        if found is None or not any(found[0].get(name) == "0" for name in _NOTHING_LEFT):
            return None
        return self._left(model, now)

    def _left(self, model: str, now: float) -> RateLimitLeft | None:
        found = self._headers.get(model)
        if found is None:
            return None
        headers, wall, at = found
        left = rate_limit(headers, wall)
        return None if left is None else grown(left, now - at)


def grown(left: RateLimitLeft, elapsed: float) -> RateLimitLeft:
    """The reading as it should be `elapsed` seconds later."""
    return replace(
        left,
        remaining_requests=_refilled(left.remaining_requests, left.limit_requests, left.requests_reset, elapsed),
        remaining_tokens=_refilled(left.remaining_tokens, left.limit_tokens, left.tokens_reset, elapsed),
        requests_reset=_later(left.requests_reset, elapsed),
        tokens_reset=_later(left.tokens_reset, elapsed),
    )


def pause(left: RateLimitLeft, tokens: int) -> float:
    """Seconds until one more request of `tokens` fits; 0: it does already, or nobody knows."""
    longest = max(
        _until_one_more(left.remaining_requests, left.limit_requests, left.requests_reset, 1),
        _until_one_more(left.remaining_tokens, left.limit_tokens, left.tokens_reset, max(1, tokens)),
    )
    return longest if longest >= SHORTEST_PAUSE else 0.0


def _refilled(remaining: int | None, limit: int | None, reset: float | None, elapsed: float) -> int | None:
    if remaining is None or limit is None or reset is None or remaining >= limit:
        return remaining
    share = 1.0 if reset <= 0 else min(1.0, elapsed / reset)
    return remaining + int((limit - remaining) * share)


def _until_one_more(remaining: int | None, limit: int | None, reset: float | None, amount: int) -> float:
    if remaining is None or not limit or reset is None or remaining > 0:
        return 0.0
    return reset * min(1.0, amount / limit)


def _later(reset: float | None, elapsed: float) -> float | None:
    return None if reset is None else max(0.0, reset - elapsed)
