"""Waits for the first router of a worker's life, so that the link's first try is not made in vain."""

import asyncio
from collections.abc import Sequence
from socket import gaierror

from provider_workers.link.resolve import split_address

PATIENCE = 3.0
POLL = 0.02
NAME_POLL = 0.2
"""Seconds between two questions about a name that is not known (yet)."""


async def a_router_listens(addresses: Sequence[str], patience: float = PATIENCE) -> None:
    """Wait until one of the routers accepts connections, `patience` seconds at most.

    A worker that is started together with its router is ready before that, and the link's tries come farther and
    farther apart: it would attach up to a second after the router serves. Asking costs 0.02 to 0.06 ms.
    """
    asking = [asyncio.create_task(_listens(*split_address(address))) for address in addresses]
    try:
        await asyncio.wait(asking, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in asking:
            task.cancel()
        await asyncio.gather(*asking, return_exceptions=True)


async def _listens(host: str, port: int) -> None:
    """Return as soon as something accepts connections there."""
    while True:
        try:
            _, writer = await asyncio.open_connection(host, port)
        except gaierror:  # the link says what is wrong with the name
            await asyncio.sleep(NAME_POLL)
        except OSError:
            await asyncio.sleep(POLL)
        else:
            writer.close()
            return
