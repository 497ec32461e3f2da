"""Whole answers of calls with an idempotency key, shared by router replicas through Redis (aiocache)."""

import logging
from typing import Protocol

import msgspec

from router_service.contracts.answers import KeptAnswer
from router_service.domain.events import Completed, DecisionMade
from router_service.state.reach import Reach

LARGEST = 4 * 1024 * 1024
"""Characters of the largest answer that is shared."""

UNREADABLE = "an answer in Redis cannot be read (%s), as of another version; its call is made anew"

log = logging.getLogger(__name__)


class AnswerCodec:
    """Answers as JSON: what another replica, perhaps of another version, reads is data, never code."""

    def __init__(self) -> None:
        """Prepare the types."""
        self._encoder = msgspec.json.Encoder(enc_hook=dict)  # read-only mappings are the only values that JSON lacks
        self._decoder = msgspec.json.Decoder(KeptAnswer)

    def encode(self, answer: KeptAnswer) -> str:
        """The answer as a text."""
        return self._encoder.encode(answer).decode()

    def decode(self, text: str) -> KeptAnswer:
        """The answer that `encode` made a text of.

        Raises:
            msgspec.DecodeError: it is none, not whole, or of a version that differs.
        """
        answer = self._decoder.decode(text)
        whole = answer.events and isinstance(answer.events[0], DecisionMade)
        if not whole or not isinstance(answer.events[-1], Completed):
            raise msgspec.ValidationError("an answer begins with its decision and ends with its completion")
        return answer


class Cache(Protocol):
    """Texts by key that several processes share: the caches of the library aiocache."""

    async def get(self, key: str) -> str | None:
        """The text; None: there is none."""
        ...

    async def set(self, key: str, value: str, ttl: float) -> object:
        """Keep a text for `ttl` seconds."""
        ...


class RedisAnswers:
    """Implements `SharedAnswers`. What Redis does not say in time is not known: a call then goes on by itself."""

    def __init__(self, cache: Cache, timeout: float, lost: tuple[type[Exception], ...] = ()) -> None:
        """Keep answers in `cache`; `timeout`: seconds for each question; `lost`: see `Reach`."""
        self._cache = cache
        self._codec = AnswerCodec()
        self._timeout = timeout
        self._reach = Reach(
            lost, "repeated calls are known to this replica alone", "repeated calls are known to all replicas again"
        )

    @property
    def reachable(self) -> bool:
        """Whether the newest question was answered."""
        return self._reach.reachable

    @property
    def failures(self) -> int:
        """Questions that were not answered, since the start."""
        return self._reach.failures

    async def find(self, key: str) -> KeptAnswer | None:
        """See `SharedAnswers.find`."""
        answer: KeptAnswer | None = None
        async with self._reach.exchange(self._timeout):
            try:
                text = await self._cache.get(key)
                answer = None if text is None else self._codec.decode(text)
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                log.warning(UNREADABLE, type(error).__name__)  # its text may hold the answer's
        return answer

    async def keep(self, key: str, answer: KeptAnswer, ttl: float) -> None:
        """See `SharedAnswers.keep`."""
        text = self._codec.encode(answer)
        if len(text) > LARGEST:
            return
        async with self._reach.exchange(self._timeout):
            await self._cache.set(key, text, ttl=ttl)
