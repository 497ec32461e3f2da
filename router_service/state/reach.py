"""How one use of Redis fares: told once when it begins to fail, and once when it works again."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import Enum

log = logging.getLogger(__name__)


class _Trouble(Enum):
    """What was logged last."""

    NONE = ""
    LOST = "lost"
    BROKEN = "broken"


class Reach:
    """Notes what comes of each exchange with Redis.

    Attributes:
        failures: exchanges that failed, since the start.
    """

    def __init__(self, lost: tuple[type[Exception], ...], alone: str, shared: str) -> None:
        """Nothing has failed yet.

        Args:
            lost: what the client library raises where Redis does not answer, besides `OSError` (and `TimeoutError`).
            alone: what a failure means, for the log; `shared`: what its end means.
        """
        self._lost: tuple[type[Exception], ...] = (OSError, *lost)
        self._alone = alone
        self._shared = shared
        self._told = _Trouble.NONE
        self.failures = 0

    @property
    def reachable(self) -> bool:
        """Whether the newest exchange succeeded."""
        return self._told is _Trouble.NONE

    @asynccontextmanager
    async def exchange(self, timeout: float) -> AsyncIterator[None]:
        """Around one exchange, which may take `timeout` seconds. However it fails, it is noted and goes no further."""
        try:
            async with asyncio.timeout(timeout):
                yield
        except Exception as error:
            self._failed(error)
        else:
            self._answered()

    def _answered(self) -> None:
        if self._told is not _Trouble.NONE:
            log.info("Redis is back; %s", self._shared)
        self._told = _Trouble.NONE

    def _failed(self, error: Exception) -> None:
        """Redis is out of reach, or nobody foresaw it, which leaves a trace."""
        self.failures += 1
        trouble = _Trouble.LOST if isinstance(error, self._lost) else _Trouble.BROKEN
        if trouble is self._told:
            return
        self._told = trouble
        if trouble is _Trouble.LOST:
            log.warning("Redis is out of reach (%s); %s", str(error) or type(error).__name__, self._alone)
        else:
            log.error("an exchange through Redis broke down; %s", self._alone, exc_info=error)
