"""Ends a process with the one that started it, by the end of standard input."""

import asyncio
import os
import select
import sys
import threading
from collections.abc import Callable

UNHEARD = 5.0
"""Seconds that the event loop may take to hear of it; one that stands still for longer will never end the process."""


async def parent_gone(stop: asyncio.Event) -> None:
    """Set `stop` when standard input is closed, as happens however the parent dies.

    A thread waits for that, which ends the process at once where the event loop does not run.
    """
    gone = asyncio.Event()
    watching = (asyncio.get_running_loop(), sys.stdin.fileno(), gone.set)
    threading.Thread(target=_watch, args=watching, name="parent", daemon=True).start()
    await gone.wait()
    stop.set()


def _watch(loop: asyncio.AbstractEventLoop, descriptor: int, tell: Callable[[], None]) -> None:
    while not _closed(descriptor):
        pass
    heard = threading.Event()

    def hear() -> None:
        tell()
        heard.set()

    try:
        loop.call_soon_threadsafe(hear)
    except RuntimeError:
        return  # the loop is closed: the process is at its end anyway
    if not heard.wait(UNHEARD):
        os._exit(1)


def _closed(descriptor: int) -> bool:
    """Wait until there is something to read, and drop it. True: there never will be."""
    try:
        select.select([descriptor], [], [])  # reading alone does not wait where the pipe is non-blocking
        return not os.read(descriptor, 4096)
    except BlockingIOError:
        return False
    except OSError:
        return True
