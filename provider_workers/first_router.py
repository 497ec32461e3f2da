"""Waits for the first router of a worker's life, so that the link's first try is not made in vain."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress

from provider_workers.link.resolve import split_address

PATIENCE = 3.0
POLL = 0.02


async def a_router_listens(addresses: Sequence[str], patience: float = PATIENCE) -> bool:
    """Wait until one of the routers accepts connections, `patience` seconds at most; whether one does.

    A worker that is started together with its router is ready before that, and the link's tries come farther and
    farther apart: it would attach up to a second after the router serves. Asking costs 0.02 to 0.06 ms.
    """
    asking = [asyncio.create_task(_listens(*split_address(address))) for address in addresses]
    if not asking:
        return False
    try:
        listening, _ = await asyncio.wait(asking, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
        return bool(listening)
    finally:
        for task in asking:
            task.cancel()
        await asyncio.gather(*asking, return_exceptions=True)


async def _listens(host: str, port: int) -> None:
    """Return as soon as something accepts connections there."""
    while True:
        with suppress(OSError):
            _, writer = await asyncio.open_connection(host, port)
            writer.close()
            return
        await asyncio.sleep(POLL)
