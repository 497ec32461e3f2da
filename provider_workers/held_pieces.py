"""Pieces of an answer on their way to the router: joined where they meet, held back where nobody awaits them."""

from collections.abc import Callable, Sequence
from itertools import groupby

from provider_workers.backends.base import Finish, Piece, Reasoning, Text, ToolDelta

LONGEST_HOLD = 0.1
"""Seconds. Short beside every limit of silence, long beside the time between two tokens."""

MOST_HELD = 64
"""Pieces."""


class HeldPieces:
    """Pieces of an answer that its caller takes whole, held until some time has passed since the last were passed on.

    The first come at once, since they tell that the provider answers, and so does the end.
    """

    def __init__(self, longest: float, now: Callable[[], float]) -> None:
        """Hold nothing yet; `longest`: seconds, 0 to hold nothing ever. `now`: monotonic seconds."""
        self._longest = longest
        self._now = now
        self._held: list[Piece] = []
        self._until = now()

    def ready(self, batch: Sequence[Piece]) -> Sequence[Piece]:
        """What is to be passed on now that `batch` has come, adjacent texts joined; it may be nothing."""
        if not self._longest or not batch:
            return joined(batch)
        self._held.extend(batch)
        last, now = batch[-1], self._now()
        if now < self._until and len(self._held) < MOST_HELD and not isinstance(last, Finish):
            return ()
        if isinstance(last, Text | Reasoning | ToolDelta):
            self._until = now + self._longest
        return self.left()

    def left(self) -> Sequence[Piece]:
        """All that is held, adjacent texts joined; nothing is held then."""
        held, self._held = self._held, []
        return joined(held)


def joined(batch: Sequence[Piece]) -> Sequence[Piece]:
    """The pieces with adjacent texts of one kind joined: in a burst a frame per token would double the cost."""
    if len(batch) == 1:
        return batch
    pieces: list[Piece] = []
    for kind, group in groupby(batch, type):
        if kind is Text or kind is Reasoning:
            pieces.append(kind("".join([piece.text for piece in group])))  # type: ignore[union-attr]
        else:
            pieces.extend(group)
    return pieces
