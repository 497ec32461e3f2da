"""What calls ask of a store of whole answers that router replicas share."""

from typing import Protocol

from msgspec import Struct

from router_service.domain.events import CallEvent


class KeptAnswer(Struct, frozen=True):
    """A whole answer: its events, and what its request was."""

    fingerprint: bytes
    events: tuple[CallEvent, ...]


class SharedAnswers(Protocol):
    """Answers that other replicas may have given. Never fails: without it a call goes on by itself."""

    async def find(self, key: str) -> KeptAnswer | None:
        """The answer under a key; None: there is none, or it cannot be had in time."""
        ...

    async def keep(self, key: str, answer: KeptAnswer, ttl: float) -> None:
        """Keep an answer for `ttl` seconds."""
        ...
