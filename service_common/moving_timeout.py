"""A timeout whose moment moves at every step of a stream."""

import asyncio
from types import TracebackType

RESOLUTION = 0.001
"""Seconds; uvloop's timers and clock know no less."""


class MovingTimeout:
    """As `asyncio.timeout_at`, made for a moment that moves often and may be waited for again and again.

    `asyncio.timeout` sets and removes a timer of the event loop at every step: 4.0 us to enter and leave and 2.4 us to
    move, for 0.9 and 0.1 of this one. Here the timer stays set until it fires; where the moment was moved on meanwhile,
    it is only then set anew.
    `close` it in the end.
    """

    def __init__(self) -> None:
        """Begin without a moment; call inside the running event loop."""
        self._loop = asyncio.get_running_loop()
        self._moment = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._set_for = 0.0
        self._task: asyncio.Task[object] | None = None
        self._cancelling = 0
        self._expired = False

    def until(self, moment: float) -> "MovingTimeout":
        """To be entered with `async with`; `moment` is of the loop's clock.

        Raises (on leaving):
            TimeoutError: the moment came, and the block was cancelled for it.
        """
        self._moment = moment
        return self

    def move(self, moment: float) -> None:
        """Move the moment while the block runs."""
        self._moment = moment
        self._set()

    def close(self) -> None:
        """Remove the timer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    async def __aenter__(self) -> "MovingTimeout":
        """Begin the block.

        Raises:
            RuntimeError: outside of a task, or inside of the block.
        """
        task = asyncio.current_task()
        if task is None or self._task is not None:
            raise RuntimeError("a timeout is entered by one task, once at a time")
        self._task = task
        self._cancelling = task.cancelling()
        self._expired = False
        self._set()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End the block; turn its own cancellation into TimeoutError, and no other."""
        task, self._task = self._task, None
        if self._expired and task is not None:
            only_ours = task.uncancel() <= self._cancelling
            if only_ours and kind is asyncio.CancelledError:
                raise TimeoutError from error

    def _set(self) -> None:
        if self._expired or (self._timer is not None and self._set_for <= self._moment):
            return
        self.close()
        self._set_for = self._moment
        self._timer = self._loop.call_at(self._moment, self._fire)

    def _fire(self) -> None:
        self._timer = None
        if self._task is None:
            return
        if self._loop.time() + RESOLUTION < self._moment:
            self._set()
            return
        self._expired = True
        self._task.cancel()
