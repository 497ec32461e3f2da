"""Waits until a router serves and the workers are attached."""

import asyncio
import time
from collections.abc import Callable, Collection

import trunkline
from trunkline.errors import DeadlineExceeded, Unavailable

_POLL_SECONDS = 0.03


class NotReady(Exception):
    """The router does not serve; the message says what is known."""


async def wait_until_listening(address: str, timeout: float, gone: Callable[[], bool]) -> None:
    """Wait until something accepts connections at `address`.

    Args:
        timeout: seconds.
        gone: whether the router's process has ended, so that waiting is in vain.

    Raises:
        NotReady: it has ended, or the time is over.
    """
    host, _, port = address.rpartition(":")
    end = time.monotonic() + timeout
    while True:
        try:
            _, writer = await asyncio.open_connection(host.strip("[]"), int(port))
        except OSError as error:
            if gone():
                raise NotReady("the router ended while it was starting") from error
            if time.monotonic() >= end:
                raise NotReady(f"the router does not listen at {address} after {timeout:.0f} s") from error
            await asyncio.sleep(_POLL_SECONDS)
        else:
            writer.close()
            return


async def wait_until_attached(
    client: "trunkline.AsyncClient", backends: Collection[str], timeout: float, progress: Callable[[int], None]
) -> frozenset[str]:
    """Wait until the router serves and every backend has a worker; the backends that have none in the end.

    Args:
        timeout: seconds.
        progress: told how many have one.

    Raises:
        NotReady: the router does not serve.
    """
    end = time.monotonic() + timeout
    attached: frozenset[str] = frozenset()
    serving = False
    while True:
        try:
            attached = frozenset(worker.backend for worker in await client.workers())
            serving = True
        except (Unavailable, DeadlineExceeded) as error:
            if not serving and time.monotonic() >= end:
                raise NotReady(f"the router listens but does not serve: {error}") from error
        missing = frozenset(backends) - attached
        progress(len(backends) - len(missing))
        if (serving and not missing) or time.monotonic() >= end:
            return missing
        await asyncio.sleep(_POLL_SECONDS)
