"""Tells of workers that attach after the screen of `up` was shown."""

import asyncio
from collections.abc import Callable, Sequence

import trunkline
from trunkline.cli.processes.launch import WORKER_PREFIX
from trunkline.cli.processes.router_tools import BackendDescription
from trunkline.cli.processes.supervisor import Notice
from trunkline.cli.rendering.backends import standing
from trunkline.errors import TrunklineError

_POLL_SECONDS = 0.3
_CALL_SECONDS = 5.0


async def tell_latecomers(address: str, late: Sequence[BackendDescription], tell: Callable[[Notice], None]) -> None:
    """Tell of each backend as soon as its worker is attached, and how it stands; returns when all are."""
    waiting = {backend.name: backend for backend in late}
    if not waiting:
        return
    async with trunkline.AsyncClient(address, timeout=_CALL_SECONDS) as client:
        while waiting:
            await asyncio.sleep(_POLL_SECONDS)
            try:
                come = waiting.keys() & {worker.backend for worker in await client.workers()}
                rows = await client.table() if come else ()
            except TrunklineError:
                continue  # the screen shows already that the router is gone, and when it is back
            for name in sorted(come):
                own = [row for row in rows if row.backend == name]
                stands = standing(waiting.pop(name), own, unattached=False)
                tell(Notice(f"{WORKER_PREFIX}{name}", f"attached; {stands.sentence()}", bad=stands.bad))
