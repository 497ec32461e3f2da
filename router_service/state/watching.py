"""Tells those who look at the table that it changed."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager


class Watcher:
    """One who is told that the table changed; what happens while it does not look is one change."""

    def __init__(self) -> None:
        """Begin without a change."""
        self._changed = asyncio.Event()

    def note(self) -> None:
        """Something changed."""
        self._changed.set()

    async def wait(self) -> None:
        """Until something changes; waits without a limit. What time alone changes is not told."""
        await self._changed.wait()
        self._changed.clear()


class Watchers:
    """All who are told."""

    def __init__(self) -> None:
        """Begin with nobody."""
        self._watchers: set[Watcher] = set()

    @contextmanager
    def watch(self) -> Iterator[Watcher]:
        """Follow the changes for as long as the context lasts."""
        watcher = Watcher()
        self._watchers.add(watcher)
        try:
            yield watcher
        finally:
            self._watchers.discard(watcher)

    def note(self) -> None:
        """Something changed."""
        for watcher in self._watchers:
            watcher.note()
