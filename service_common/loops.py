"""How a process runs: its event loop (uvloop where it is installed, else asyncio's own) and its garbage collection."""

import asyncio
import gc
from collections.abc import Callable

LOOP_FACTORY: Callable[[], asyncio.AbstractEventLoop]
try:
    import uvloop
except ImportError:
    LOOP_FACTORY = asyncio.new_event_loop
else:
    LOOP_FACTORY = uvloop.new_event_loop

COLLECT_AFTER = (50_000, 20, 100)
"""Thresholds of the three generations. Requests leave hardly any cycles, but many objects that live for a moment."""


def collect_seldom() -> None:
    """Leave out of every later collection what is loaded by now, and collect seldom: see docs/performance.md."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECT_AFTER)
