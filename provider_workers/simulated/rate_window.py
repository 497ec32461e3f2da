"""Requests and tokens counted per minute, for rate-limit headers and for the limit itself."""

from collections.abc import Callable
from typing import Final

from provider_workers.simulated.wires.base import Limits

_WINDOW: Final = 60.0
_REQUESTS: Final = 10_000
_TOKENS: Final = 2_000_000


class RateWindow:
    """A fixed window of a minute. `now` tells seconds that never jump."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._started = now()
        self._requests = 0
        self._tokens = 0

    def admit(self, requests_per_minute: int, tokens: int) -> tuple[bool, Limits]:
        """Count a request of `tokens` unless it is over the limit (0: none); whether it passes, and what is left."""
        now = self._now()
        if now - self._started >= _WINDOW:
            self._started, self._requests, self._tokens = now, 0, 0
        limit = requests_per_minute or _REQUESTS
        admitted = requests_per_minute == 0 or self._requests < limit
        if admitted:
            self._requests += 1
            self._tokens += tokens
        left = max(0, limit - self._requests)
        reset = _WINDOW - (now - self._started)
        return admitted, Limits(limit, left, _TOKENS, max(0, _TOKENS - self._tokens), reset)
