"""Waits until a router serves and the workers are attached."""

import asyncio
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass

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


@dataclass(frozen=True, slots=True)
class Patience:
    """How long workers are waited for, in seconds.

    Attributes:
        all: at most, from the beginning.
        slow: for workers that load long, once every other one is attached, so that calls can be answered already.
    """

    all: float = 10.0
    slow: float = 3.0


async def wait_until_attached(
    client: "trunkline.AsyncClient",
    backends: Collection[str],
    slow: Collection[str],
    progress: Callable[[frozenset[str]], None],
    patience: Patience | None = None,
) -> frozenset[str]:
    """Wait until the router serves and every backend has a worker; the backends that have none in the end.

    Args:
        slow: those of them whose workers load long.
        progress: told which have none yet.

    Raises:
        NotReady: the router does not serve.
    """
    patience = patience or Patience()
    end = time.monotonic() + patience.all
    quick = frozenset(backends).difference(slow)
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
        progress(missing)
        if (serving and not missing) or time.monotonic() >= end:
            return missing
        if quick and not quick & missing:
            end, quick = min(end, time.monotonic() + patience.slow), frozenset()
        await asyncio.sleep(_POLL_SECONDS)
