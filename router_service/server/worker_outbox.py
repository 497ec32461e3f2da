"""The way down to one worker: frames of one turn of the event loop travel together, control before work."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator

from router_service.contracts.dispatch import AttemptOrder
from router_service.server.worker_frames import dispatch_message
from service_common.clock import Clock
from service_common.durations import duration
from service_common.packing import packed
from trunkline.worker.v1 import worker_service_pb2 as pb


class WorkerOutbox:
    """Implements `SessionLink`. Credits of one attempt are summed up, so that what waits is bounded by the attempts."""

    def __init__(self, clock: Clock) -> None:
        """Begin empty."""
        self._clock = clock
        self._control: deque[bytes] = deque()
        self._credits: dict[int, int] = {}
        self._work: deque[bytes] = deque()
        self._work_of: deque[int] = deque()  # the attempt that each frame of work is about
        self._wake = asyncio.Event()
        self._closed: str | None = None
        self._failure: Exception | None = None

    @property
    def closed(self) -> str | None:
        """Why the stream is to end; None: it goes on."""
        return self._closed

    @property
    def failure(self) -> Exception | None:
        """What went wrong with the stream; None: nothing."""
        return self._failure

    def send(self, frame: pb.RouterFrame) -> None:
        """Queue a control frame."""
        self._control.append(_encoded(frame))
        self._wake.set()

    def send_dispatch(self, attempt_id: int, order: AttemptOrder, credit: int) -> None:
        """See `SessionLink.send_dispatch`."""
        message = dispatch_message(attempt_id, order, credit, self._clock)
        self._work.append(message.SerializeToString())
        self._work_of.append(attempt_id)
        self._wake.set()

    def send_cancel(self, attempt_id: int, reason: str) -> None:
        """See `SessionLink.send_cancel`. A dispatch that was not sent yet goes first: the worker must know it."""
        self._credits.pop(attempt_id, None)
        cancel = _encoded(pb.RouterFrame(cancel=pb.Cancel(attempt_id=attempt_id, reason=reason)))
        if attempt_id in self._work_of:
            self._work.append(cancel)
            self._work_of.append(attempt_id)
        else:
            self._control.append(cancel)
        self._wake.set()

    def send_credit(self, attempt_id: int, amount: int) -> None:
        """See `SessionLink.send_credit`."""
        self._credits[attempt_id] = self._credits.get(attempt_id, 0) + amount
        self._wake.set()

    def send_drain(self, grace: float, reason: str) -> None:
        """See `SessionLink.send_drain`."""
        self.send(pb.RouterFrame(drain=pb.Drain(grace=duration(grace), reason=reason)))

    def close(self, reason: str) -> None:
        """See `SessionLink.close`."""
        if self._closed is None:
            self._closed = reason
        self._wake.set()

    def fail(self, failure: Exception) -> None:
        """End the stream because the worker broke the protocol."""
        if self._failure is None:
            self._failure = failure
        self.close(str(failure))

    async def messages(self) -> AsyncIterator[bytes]:
        """The bytes of each `AttachResponse` that is to be written, until the stream is to end."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._closed is None and (self._control or self._credits or self._work):
                yield self._message()
            if self._closed is not None:
                return

    def _message(self) -> bytes:
        for attempt_id, amount in self._credits.items():
            credit = pb.RouterFrame(credit=pb.Credit(attempt_id=attempt_id, bytes=amount))
            self._control.append(_encoded(credit))
        self._credits.clear()
        message = packed(self._control, self._work)
        while len(self._work_of) > len(self._work):
            self._work_of.popleft()
        return message


def _encoded(frame: pb.RouterFrame) -> bytes:
    return pb.AttachResponse(frames=[frame]).SerializeToString()
