"""The event loop: uvloop where it is installed, else asyncio's own."""

import asyncio
from collections.abc import Callable

LOOP_FACTORY: Callable[[], asyncio.AbstractEventLoop]
try:
    import uvloop
except ImportError:
    LOOP_FACTORY = asyncio.new_event_loop
else:
    LOOP_FACTORY = uvloop.new_event_loop
