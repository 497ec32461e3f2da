"""One call's way to the workers while others wait: it takes no slot past those who are before it."""

from msgspec.structs import replace

from router_service.calls.waiting import Seat, WaitingRoom
from router_service.contracts.dispatch import AttemptOrder, Dispatcher, Refusal, RunningAttempt
from service_common.vocabulary import AttemptKind

ASK_AGAIN = 0.25
"""Seconds until a call that has begun asks a busy target again; meanwhile a slot is kept for it in its turn."""


class Turn:
    """Implements `Dispatcher` for one call.

    Attributes:
        refused: targets that had no capacity for it, with the seconds until it may help to ask again where known.
        begun: an attempt was started, so that the call does not wait (any more) for its turn.
    """

    def __init__(self, dispatcher: Dispatcher, room: WaitingRoom, seat: Seat) -> None:
        """Start attempts with `dispatcher`."""
        self._dispatcher = dispatcher
        self._room = room
        self._seat = seat
        self.refused: dict[str, float | None] = {}
        self.begun = False

    def start(self, order: AttemptOrder) -> RunningAttempt | Refusal:
        """See `Dispatcher.start`."""
        target = order.spec.name
        started: RunningAttempt | Refusal
        queues = not self.begun or order.kind is AttemptKind.HEDGE  # a hedge is an extra: others go before it
        if queues and self._room.contested(target, self._seat):
            started = Refusal("other calls wait for it", at_capacity=True)
        else:
            started = self._dispatcher.start(order)
        if not isinstance(started, Refusal):
            self.begun = True
            self._room.leave(self._seat)
            return started
        if not started.at_capacity:
            return started
        self.refused[target] = started.retry_after
        if self.begun and order.kind is not AttemptKind.HEDGE:
            self._room.keep_place(self._seat, target, started.retry_after)
        # Before the first attempt the room says whose turn it is, so the attempt loop is not told when to come again.
        return replace(started, retry_after=(started.retry_after or ASK_AGAIN) if self.begun else None)
