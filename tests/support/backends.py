"""Backends without a provider, for tests of what stands around them."""

from collections.abc import AsyncIterator, Sequence

from provider_workers.backends.base import (
    BackendDescription,
    EmbedWork,
    Finish,
    ModelDescription,
    Piece,
    Pulling,
    RateLimitLeft,
    Text,
    Vectors,
    Work,
)
from provider_workers.backends.content import unsupported
from service_common.vocabulary import FinishReason


class TwoModels:
    """A local backend with one model here and one in the cloud; it counts what reaches it."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def rate_limit(self) -> RateLimitLeft | None:
        """None known."""
        return None

    def used_up(self, model: str) -> RateLimitLeft | None:
        """Nothing is known."""
        return None

    async def describe(self) -> BackendDescription:
        """Both models."""
        return BackendDescription((ModelDescription("here"), ModelDescription("there-cloud", remote=True)))

    async def complete(self, work: Work) -> AsyncIterator[Sequence[Piece]]:
        """One word."""
        self.asked.append(work.model)
        yield (Text("word"), Finish(FinishReason.STOP))

    async def embed(self, work: EmbedWork) -> Vectors:
        """No embeddings."""
        raise unsupported("embeddings")

    async def probe(self) -> None:
        """Well."""

    async def warm_up(self, model: str) -> None:
        """Warm."""

    def pull(self, model: str) -> AsyncIterator[Pulling]:
        """No pulling."""
        raise unsupported("pull")

    async def close(self) -> None:
        """Nothing open."""
