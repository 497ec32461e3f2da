"""Flow control of one attempt: how many bytes of deltas may still be sent."""

import asyncio


class Credit:
    """Bytes that the router has granted and the attempt has not used. One task waits at most."""

    def __init__(self, granted: int) -> None:
        self._available = granted
        self._waiter: asyncio.Future[None] | None = None

    @property
    def available(self) -> int:
        """Bytes that may be sent now, 0 or more."""
        return self._available

    def add(self, granted: int) -> None:
        """Take what the router grants in addition."""
        self._available += granted
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def take(self, used: int) -> None:
        """Use up bytes.

        Raises:
            ValueError: more than is available.
        """
        if used > self._available:
            raise ValueError(f"{used} bytes of credit taken where {self._available} are left")
        self._available -= used

    async def more(self) -> None:
        """Wait for the router's next grant. The caller bounds the wait."""
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None
