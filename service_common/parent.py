"""Ends a process with the one that started it, by the end of standard input."""

import asyncio
import os
import sys


async def parent_gone(stop: asyncio.Event) -> None:
    """Set `stop` when standard input is closed, as happens however the parent dies."""
    loop = asyncio.get_running_loop()
    closed = loop.create_future()
    descriptor = sys.stdin.fileno()

    def readable() -> None:
        if not os.read(descriptor, 4096) and not closed.done():
            closed.set_result(None)

    loop.add_reader(descriptor, readable)
    try:
        await closed
    finally:
        loop.remove_reader(descriptor)
    stop.set()
