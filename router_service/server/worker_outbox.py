"""The way down to one worker: frames of one turn of the event loop travel together, control before work."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator

from router_service.contracts.dispatch import AttemptOrder
from router_service.server.wire import duration
from router_service.server.worker_frames import dispatch_frame
from service_common.clock import Clock
from trunkline.worker.v1 import worker_service_pb2 as pb

LARGEST_MESSAGE = 64 * 1024
CONTROL_FRAME_SIZE = 32
"""About what a cancel or credit takes."""


class WorkerOutbox:
    """Implements `SessionLink`. Credits of one attempt are summed up, so that what waits is bounded by the attempts."""

    def __init__(self, clock: Clock) -> None:
        """Begin empty."""
        self._clock = clock
        self._control: deque[pb.RouterFrame] = deque()
        self._credits: dict[int, int] = {}
        self._work: deque[pb.RouterFrame] = deque()
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
        self._control.append(frame)
        self._wake.set()

    def send_dispatch(self, attempt_id: int, order: AttemptOrder, credit: int) -> None:
        """See `SessionLink.send_dispatch`."""
        self._work.append(dispatch_frame(attempt_id, order, credit, self._clock))
        self._wake.set()

    def send_cancel(self, attempt_id: int, reason: str) -> None:
        """See `SessionLink.send_cancel`. A dispatch that was not sent yet goes first: the worker must know it."""
        self._credits.pop(attempt_id, None)
        cancel = pb.RouterFrame(cancel=pb.Cancel(attempt_id=attempt_id, reason=reason))
        waiting = any(frame.dispatch.attempt_id == attempt_id for frame in self._work)
        (self._work if waiting else self._control).append(cancel)
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

    async def messages(self) -> AsyncIterator[pb.AttachResponse]:
        """What is to be written, until the stream is to end."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._closed is None and (self._control or self._credits or self._work):
                yield self._batch()
            if self._closed is not None:
                return

    def _batch(self) -> pb.AttachResponse:
        frames: list[pb.RouterFrame] = []
        size = 0
        while self._control and size < LARGEST_MESSAGE - CONTROL_FRAME_SIZE:
            frames.append(self._control.popleft())
            size += frames[-1].ByteSize()
        while self._credits and size < LARGEST_MESSAGE - CONTROL_FRAME_SIZE:
            attempt_id, amount = self._credits.popitem()
            frames.append(pb.RouterFrame(credit=pb.Credit(attempt_id=attempt_id, bytes=amount)))
            size += CONTROL_FRAME_SIZE
        while self._work:
            following = self._work[0].ByteSize()
            if frames and size + following > LARGEST_MESSAGE:
                break
            frames.append(self._work.popleft())
            size += following
        return pb.AttachResponse(frames=frames)
