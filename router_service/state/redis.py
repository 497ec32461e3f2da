"""The connection to Redis: `limits` for counts, aiocache for answers. Imported only where Redis is configured, as
these libraries take 0.2 s to import."""

from typing import Any

from aiocache import RedisCache
from aiocache.serializers import StringSerializer
from limits.aio.storage import RedisStorage
from redis.asyncio import ConnectionPool
from redis.exceptions import RedisError

from router_service.state.limits import LimitBook
from router_service.state.shared_answers import RedisAnswers
from router_service.state.shared_limits import LimitSharing, SharingSettings

LOST = (RedisError,)
"""What both libraries let through where Redis does not answer, or refuses."""


class RedisSharing:
    """What router replicas share.

    Attributes:
        limits: keeps a book of limits in step with the other replicas'.
        answers: whole answers of repeated calls.
    """

    def __init__(self, address: str, settings: SharingSettings, book: LimitBook) -> None:
        """Connect to nothing yet.

        Raises:
            ValueError: `address` is none of a Redis.
        """
        pool = self._pool = ConnectionPool.from_url(address)
        options: dict[str, Any] = {"connection_pool": pool}
        self.limits = LimitSharing(
            book, RedisStorage(f"async+{address}", implementation="redispy", **options), settings, LOST
        )
        cache = RedisCache(
            connection_pool_class=lambda **_: pool,
            namespace=f"{settings.prefix}:answer:",
            serializer=StringSerializer(),
            timeout=None,
        )
        self.answers = RedisAnswers(cache, settings.timeout, LOST)

    async def run(self) -> None:
        """Keep limits in step until cancelled."""
        await self.limits.run()

    async def close(self) -> None:
        """Close every connection."""
        await self._pool.disconnect()
