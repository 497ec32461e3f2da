"""The seam between an answer that broke off and its continuation by another model."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from router_service.domain.events import TextDelta

LONGEST_REPEAT = 200
SHORTEST_REPEAT = 8


@dataclass(slots=True)
class SeamCleaner:
    """Removes what a continuation repeats of the text before it.

    The continuation's beginning is held back until it is clear whether it repeats the end of `shown` (at least 8
    characters, at most 200); then the rest passes untouched.
    """

    shown: str
    _held: str = field(init=False, default="")
    _open: bool = field(init=False, default=True)

    def clean(self, delta: TextDelta) -> Iterator[TextDelta]:
        """The piece without the repetition; nothing while it may still be one."""
        if not self._open:
            yield delta
            return
        self._held += delta.text
        if self._may_repeat() and len(self._held) < LONGEST_REPEAT:
            return
        yield from self.rest()

    def rest(self) -> Iterator[TextDelta]:
        """What is held back, without its repetition; the cleaner is done."""
        self._open = False
        tail = self.shown[-LONGEST_REPEAT:]
        longest = min(len(tail), len(self._held))
        repeated = next((n for n in range(longest, SHORTEST_REPEAT - 1, -1) if tail.endswith(self._held[:n])), 0)
        text, self._held = self._held[repeated:], ""
        if text:
            yield TextDelta(text)

    def _may_repeat(self) -> bool:
        """Whether what is held back still occurs at some place from which it could reach the end of `shown`."""
        return self._held in self.shown[-LONGEST_REPEAT:]
