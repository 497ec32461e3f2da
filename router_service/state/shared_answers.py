"""Whole answers of calls with an idempotency key, shared by router replicas through Redis (aiocache)."""

import asyncio
import json
import logging
from collections.abc import Mapping
from typing import Any, Protocol

from pydantic import TypeAdapter

from router_service.contracts.answers import KeptAnswer
from router_service.domain import events

EVENT_KINDS = (
    events.DecisionMade,
    events.AttemptStarted,
    events.TextDelta,
    events.ReasoningDelta,
    events.ToolCallDelta,
    events.UsageReported,
    events.AttemptFailed,
    events.StreamReset,
    events.Completed,
)
LARGEST = 4 * 1024 * 1024
"""Characters of the largest answer that is shared."""

log = logging.getLogger(__name__)


class AnswerCodec:
    """Answers as JSON: what another replica, perhaps of another version, reads is data, never code."""

    def __init__(self) -> None:
        """Prepare the types, which takes some milliseconds."""
        self._adapters: Mapping[str, TypeAdapter[Any]] = {kind.__name__: TypeAdapter(kind) for kind in EVENT_KINDS}

    def encode(self, answer: KeptAnswer) -> str:
        """The answer as a text."""
        pieces = [
            [
                type(event).__name__,
                self._adapters[type(event).__name__].dump_python(event, mode="json", fallback=dict, warnings=False),
            ]
            for event in answer.events
        ]
        return json.dumps({"fingerprint": answer.fingerprint.hex(), "events": pieces})

    def decode(self, text: str) -> KeptAnswer:
        """The answer that `encode` made a text of.

        Raises:
            ValueError, KeyError, TypeError: it is none, or of a version that differs.
        """
        content = json.loads(text)
        found = tuple(self._adapters[kind].validate_python(piece) for kind, piece in content["events"])
        return KeptAnswer(bytes.fromhex(content["fingerprint"]), found)


class Cache(Protocol):
    """Texts by key that several processes share: the caches of the library aiocache."""

    async def get(self, key: str) -> str | None:
        """The text; None: there is none."""
        ...

    async def set(self, key: str, value: str, ttl: float) -> object:
        """Keep a text for `ttl` seconds."""
        ...


class RedisAnswers:
    """Implements `SharedAnswers`. What Redis does not say in time is not known: a call then goes on by itself.

    Attributes:
        reachable: whether the newest question was answered; `failures`: questions that were not, since the start.
    """

    def __init__(self, cache: Cache, timeout: float) -> None:
        """Keep answers in `cache`; `timeout`: seconds for each question."""
        self._cache = cache
        self._codec = AnswerCodec()
        self._timeout = timeout
        self.reachable = True
        self.failures = 0

    async def find(self, key: str) -> KeptAnswer | None:
        """See `SharedAnswers.find`."""
        try:
            async with asyncio.timeout(self._timeout):
                text = await self._cache.get(key)
            answer = None if text is None else self._codec.decode(text)
        except Exception as error:
            # Whatever the client library raises, or another version wrote.
            self._note(error)
            return None
        self._note(None)
        return answer

    async def keep(self, key: str, answer: KeptAnswer, ttl: float) -> None:
        """See `SharedAnswers.keep`."""
        text = self._codec.encode(answer)
        if len(text) > LARGEST:
            return
        try:
            async with asyncio.timeout(self._timeout):
                await self._cache.set(key, text, ttl=ttl)
        except Exception as error:
            self._note(error)
        else:
            self._note(None)

    def _note(self, error: Exception | None) -> None:
        if error is not None and self.reachable:
            log.warning("Redis is out of reach (%s); repeated calls are known to this replica alone", error)
        elif error is None and not self.reachable:
            log.info("Redis is back; repeated calls are known to all replicas again")
        self.reachable = error is None
        self.failures += error is not None
