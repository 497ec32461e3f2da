"""Work that goes on beside the calls, and that no call needs: its mistakes must not end the router."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

PAUSE = 5.0
"""Seconds between a mistake and the next try."""

log = logging.getLogger("router_service")


async def keep_running(name: str, work: Callable[[], Awaitable[object]], pause: float = PAUSE) -> None:
    """Do `work` until it is done or cancelled; where it raises, say so with the traceback, and begin it again."""
    while True:
        try:
            await work()
            return
        except Exception:  # whatever nobody foresaw: calls are served without this work
            log.exception("%s broke off, and begins again in %g s; calls are served", name, pause)
        await asyncio.sleep(pause)
