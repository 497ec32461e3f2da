"""Frames on their way to one router: joined per turn of the event loop, control before data, 64 KiB a message.

Each frame comes as a message of its own and is kept encoded: see `service_common/packing.py`.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

from service_common.packing import packed
from trunkline.worker.v1.worker_service_pb2 import AttachRequest

MAX_JOINED = 8 * 1024
"""Characters up to which waiting text deltas of one attempt are joined; at most four bytes each."""


class Outbox:
    """A queue of frames. What holds it small is credit: no attempt queues more deltas than its router granted."""

    def __init__(self) -> None:
        self._control: deque[bytes] = deque()
        self._data: deque[bytes] = deque()
        self._text: AttachRequest | None = None
        self._wake: asyncio.Future[None] | None = None
        self._closed = False

    def control(self, frame: AttachRequest) -> None:
        """Queue a frame that overtakes data."""
        self._control.append(frame.SerializeToString())
        self._woken()

    def data(self, frame: AttachRequest) -> None:
        """Queue an attempt's event; its order among the attempt's events is kept.

        That the provider responded is news for nobody who waits: it travels with what comes next.
        """
        event = frame.frames[0].attempt_event
        if event.text_delta:
            if self._text is None or not _joined(self._text, frame):
                self._end_text()
                self._text = frame
        else:
            self._end_text()
            self._data.append(frame.SerializeToString())
            if event.HasField("provider_responded"):
                return
        self._woken()

    def close(self) -> None:
        """End `drain_to` once all is sent."""
        self._closed = True
        self._woken()

    async def drain_to(self, write: Callable[[bytes], Awaitable[None]]) -> None:
        """Send what is queued, and what will be, until `close`; `write` takes an encoded `AttachRequest`.

        While `write` waits, more is joined.
        """
        while True:
            while self._control or self._data or self._text is not None:
                await write(self._message())
            if self._closed:
                return
            self._wake = asyncio.get_running_loop().create_future()
            try:
                await self._wake
            finally:
                self._wake = None

    def _message(self) -> bytes:
        self._end_text()
        return packed(self._control, self._data)

    def _end_text(self) -> None:
        """Queue the text that more could have been joined to."""
        if self._text is not None:
            self._data.append(self._text.SerializeToString())
            self._text = None

    def _woken(self) -> None:
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)


def _joined(last: AttachRequest, frame: AttachRequest) -> bool:
    """Whether `frame` is more text of the attempt that `last` is about, and was added to it."""
    old, new = last.frames[0].attempt_event, frame.frames[0].attempt_event
    if old.attempt_id != new.attempt_id or len(old.text_delta) + len(new.text_delta) > MAX_JOINED:
        return False
    old.text_delta += new.text_delta
    return True
