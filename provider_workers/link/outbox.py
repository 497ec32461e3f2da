"""Frames on their way to one router: joined per turn of the event loop, control before data, 64 KiB a message."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

from trunkline.worker.v1.worker_service_pb2 import AttachRequest, WorkerFrame

MAX_MESSAGE = 64 * 1024
"""Bytes of one message."""

FRAME_OVERHEAD = 8
"""Bytes that a frame's tag and length take in its message."""

MAX_JOINED = 8 * 1024
"""Characters up to which waiting text deltas of one attempt are joined; at most four bytes each."""


class Outbox:
    """A queue of frames. What holds it small is credit: no attempt queues more deltas than its router granted."""

    def __init__(self) -> None:
        self._control: deque[WorkerFrame] = deque()
        self._data: deque[WorkerFrame] = deque()
        self._wake: asyncio.Future[None] | None = None
        self._closed = False

    def control(self, frame: WorkerFrame) -> None:
        """Queue a frame that overtakes data."""
        self._control.append(frame)
        self._woken()

    def data(self, frame: WorkerFrame) -> None:
        """Queue an attempt's event; its order among the attempt's events is kept.

        That the provider responded is news for nobody who waits: it travels with what comes next.
        """
        if not (self._data and _joined(self._data[-1], frame)):
            self._data.append(frame)
        if not frame.attempt_event.HasField("provider_responded"):
            self._woken()

    def close(self) -> None:
        """End `drain_to` once all is sent."""
        self._closed = True
        self._woken()

    async def drain_to(self, write: Callable[[AttachRequest], Awaitable[None]]) -> None:
        """Send what is queued, and what will be, until `close`. While `write` waits, more is joined."""
        while True:
            while self._control or self._data:
                await write(self._message())
            if self._closed:
                return
            self._wake = asyncio.get_running_loop().create_future()
            try:
                await self._wake
            finally:
                self._wake = None

    def _message(self) -> AttachRequest:
        message = AttachRequest()
        size = 0
        for queue in (self._control, self._data):
            while queue:
                size += queue[0].ByteSize() + FRAME_OVERHEAD
                if size > MAX_MESSAGE and message.frames:
                    return message
                message.frames.append(queue.popleft())
        return message

    def _woken(self) -> None:
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)


def _joined(last: WorkerFrame, frame: WorkerFrame) -> bool:
    """Whether `frame` is more text of the attempt that `last` is about, and was added to it."""
    new = frame.attempt_event
    if not new.text_delta:
        return False
    old = last.attempt_event
    if old.attempt_id != new.attempt_id or not old.text_delta:
        return False
    if len(old.text_delta) + len(new.text_delta) > MAX_JOINED:
        return False
    old.text_delta += new.text_delta
    return True
