"""One call that outlives its caller: its events from the beginning, for whoever repeats it."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from contextlib import aclosing

from router_service.contracts.recording import AttemptRecording, CallRecording
from router_service.domain.attempt import Failure
from router_service.domain.decision import Decision
from router_service.domain.errors import CallFailed, DeadlinePassed
from router_service.domain.events import (
    CallEvent,
    Completed,
    ReasoningDelta,
    StreamReset,
    TextDelta,
    ToolCallDelta,
)
from router_service.domain.request import Request
from router_service.domain.target import TargetSpec
from service_common.clock import Clock
from service_common.deadline import Deadline
from service_common.vocabulary import AttemptKind

MOST_AHEAD = 256
"""Events that a call may be ahead of its fastest reader, so that a slow caller still slows the provider."""

EVENT_BYTES = 200
"""What an event takes in memory besides its text, about."""

BEGAN_ANEW = "the answer began anew after text was shown; send the call again for it whole"

Deltas = TextDelta | ReasoningDelta | ToolCallDelta


class KeptCall:
    """A call that runs, or that ended well. A task of its own carries it out; readers come and go.

    Attributes:
        fingerprint: of the request; only the same request is the same call.
        events: all so far; once it is whole, with deltas joined and what a reset voided left out.
        size: bytes in memory, about.
        whole: it ended with an answer.
    """

    def __init__(self, fingerprint: bytes, clock: Clock, on_idle: Callable[["KeptCall"], None]) -> None:
        """Begin without events; `on_idle` is told when the last reader left a call that still runs."""
        self.fingerprint = fingerprint
        self.events: list[CallEvent] = []
        self.size = 0
        self.whole = False
        self.readers = 0
        self._clock = clock
        self._on_idle = on_idle
        self._error: BaseException | None = None
        self._furthest = 0
        self._changed = asyncio.Event()
        self._read = asyncio.Event()

    @property
    def ended(self) -> bool:
        """Nothing more will come."""
        return self.whole or self._error is not None

    async def carry_out(self, events: AsyncGenerator[CallEvent, None]) -> None:
        """Take the events of the call, or of an earlier answer, to their end. Never raises but when cancelled."""
        try:
            async with aclosing(events):
                async for event in events:
                    self.events.append(event)
                    self.size += _size(event)
                    self._tell()
                    while self.readers and len(self.events) - self._furthest >= MOST_AHEAD:
                        self._read.clear()
                        await self._read.wait()  # readers have deadlines, and tell when they leave
            self.events = joined(self.events)
            self.size = sum(map(_size, self.events))
            self.whole = True
        except asyncio.CancelledError:
            self._error = ended_early()
            raise
        except Exception as error:  # every reader raises it
            self._error = error
        finally:
            self._tell()

    def give_up(self, error: BaseException) -> None:
        """Nobody carries it out any more: where it has not ended, its readers raise `error`."""
        if not self.ended:
            self._error = error
            self._tell()

    async def follow(self, deadline: Deadline | None, *, may_reset: bool) -> AsyncGenerator[CallEvent, None]:
        """All events from the beginning, those to come included.

        Args:
            deadline: of this reader; None: as long as the call takes.
            may_reset: the reader knows that text may become void; for others a reset is the end.

        Raises:
            RouterError: the call failed, this reader's deadline passed, or its text became void.
        """
        self.readers += 1
        events, position = self.events, self._advance(len(self.events))
        try:
            for event in joined(events):
                yield event
            while True:
                while position < len(events):
                    event = events[position]
                    position = self._advance(position + 1)
                    if isinstance(event, StreamReset) and event.restart and not may_reset:
                        raise CallFailed(BEGAN_ANEW)
                    yield event
                if self._error is not None:
                    raise self._error
                if self.whole:
                    return
                await self._more(deadline)
        finally:
            self._leave()

    def _advance(self, position: int) -> int:
        if position > self._furthest:
            self._furthest = position
            self._read.set()
        return position

    async def _more(self, deadline: Deadline | None) -> None:
        self._changed.clear()
        try:
            async with asyncio.timeout(None if deadline is None else deadline.left(self._clock)):
                await self._changed.wait()
        except TimeoutError:
            raise DeadlinePassed("the deadline passed before the call that was joined had its whole answer") from None

    def _tell(self) -> None:
        self._changed.set()

    def _leave(self) -> None:
        self.readers -= 1
        self._read.set()
        if not self.readers and not self.ended:
            self._on_idle(self)


def ended_early() -> CallFailed:
    """What readers of a call that was cancelled get."""
    return CallFailed("the call was ended before its answer was whole; send it again")


def joined(events: Sequence[CallEvent]) -> list[CallEvent]:
    """The events as a latecomer needs them: neighbouring deltas joined, what a reset made void left out."""
    last = max((n for n, e in enumerate(events) if isinstance(e, StreamReset) and e.restart), default=-1)
    kept = [e for n, e in enumerate(events) if n > last or not isinstance(e, Deltas | StreamReset)]
    return list(_merged(kept))


def _merged(events: Iterable[CallEvent]) -> Iterable[CallEvent]:
    pieces: list[str] = []
    head: TextDelta | ReasoningDelta | None = None
    for event in events:
        if isinstance(event, TextDelta | ReasoningDelta) and type(event) is type(head):
            pieces.append(event.text)
            continue
        if head is not None:
            yield type(head)("".join(pieces))
            head = None
        if isinstance(event, TextDelta | ReasoningDelta):
            head, pieces = event, [event.text]
        else:
            yield event
    if head is not None:
        yield type(head)("".join(pieces))


def _size(event: CallEvent) -> int:
    if isinstance(event, TextDelta | ReasoningDelta):
        return EVENT_BYTES + len(event.text)
    return EVENT_BYTES + (len(event.arguments_json) if isinstance(event, ToolCallDelta) else 0)


class OutlivedRecording:
    """Implements `CallRecording` for a call that may outlive its caller, whose own recording ends with it."""

    def __init__(self, recording: CallRecording) -> None:
        """Pass everything on."""
        self._recording = recording
        self._outlived = False

    @property
    def trace_id(self) -> str:
        """See `CallRecording.trace_id`."""
        return self._recording.trace_id

    @property
    def wants_content(self) -> bool:
        """See `CallRecording.wants_content`."""
        return self._recording.wants_content

    def outlive(self) -> None:
        """The caller's recording has ended: only attempts, which have spans of their own, are recorded from now on."""
        self._outlived = True

    def decision_made(self, request: Request, decision: Decision) -> None:
        """See `CallRecording.decision_made`."""
        if not self._outlived:
            self._recording.decision_made(request, decision)

    def attempt_started(
        self, decision: Decision, number: int, spec: TargetSpec, kind: AttemptKind, replaced: Failure | None
    ) -> AttemptRecording:
        """See `CallRecording.attempt_started`."""
        return self._recording.attempt_started(decision, number, spec, kind, replaced)

    def completed(self, event: Completed, text: str) -> None:
        """See `CallRecording.completed`."""
        if not self._outlived:
            self._recording.completed(event, text)

    def ended(self, status: str, error: str = "") -> None:
        """The caller's own call ends itself."""
