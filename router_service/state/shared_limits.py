"""What router replicas used of the limits per minute, exchanged through Redis beside the calls, never in their way.

Each replica counts its own claims at once and adds what the others told last. So a limit may be exceeded by what the
replicas claim within one `refresh`; while Redis cannot be reached each goes by its own count and what it knew.
"""

import asyncio
from typing import Protocol

from msgspec import Struct

from router_service.state.limits import WINDOW, Count, LimitBook
from router_service.state.reach import Reach

KEPT = int(3 * WINDOW)
"""Seconds that Redis keeps a minute's count."""

AT_ONCE = 20
"""Counts exchanged at the same time: each takes a connection, of which answers need some and redis-py opens 100."""


class Counters(Protocol):
    """Counts that several processes share: the storages of the library `limits`."""

    async def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Add to a count that is kept for `expiry` seconds; returns the sum."""
        ...

    async def get(self, key: str) -> int:
        """The sum; 0 where there is none."""
        ...


class SharingSettings(Struct, frozen=True):
    """Times in seconds. `refresh`: between two exchanges; `timeout`: of one; `prefix`: of every key."""

    refresh: float
    timeout: float
    prefix: str


class LimitSharing:
    """Keeps a book's counts in step with the other replicas'."""

    def __init__(
        self, book: LimitBook, counters: Counters, settings: SharingSettings, lost: tuple[type[Exception], ...] = ()
    ) -> None:
        """Exchange nothing yet; `run` does. `lost`: see `Reach`."""
        self._book = book
        self._counters = counters
        self._settings = settings
        self._reach = Reach(lost, "limits per minute hold for this replica alone", "limits per minute are shared again")

    @property
    def reachable(self) -> bool:
        """Whether the newest exchange succeeded."""
        return self._reach.reachable

    @property
    def failures(self) -> int:
        """Exchanges that did not succeed, since the start."""
        return self._reach.failures

    async def run(self) -> None:
        """Exchange again and again, until cancelled, whatever fails: limits go on by what is known here."""
        while True:
            await asyncio.sleep(self._settings.refresh)
            async with self._reach.exchange(self._settings.timeout):
                await self.exchange()

    async def exchange(self) -> None:
        """Tell the others what was used here since the last time, and learn the sums.

        Raises:
            Exception: what the client library raises; every count that got through is booked all the same.
        """
        at_once = asyncio.Semaphore(AT_ONCE)
        each = (self._exchange(count, at_once) for count in self._book.counts())
        # Waits for all: what ran on beside the next exchange would be told twice.
        for result in await asyncio.gather(*each, return_exceptions=True):
            if result is not None:
                raise result

    async def _exchange(self, count: Count, at_once: asyncio.Semaphore) -> None:
        key = f"{self._settings.prefix}:limit:{count.key}:{count.index}"
        async with at_once:
            if count.unsent:
                total = await self._counters.incr(key, KEPT, count.unsent)
            else:
                total = await self._counters.get(key)
        self._book.exchanged(count, total)
