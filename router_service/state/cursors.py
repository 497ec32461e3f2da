"""Round-robin positions."""

from collections import OrderedDict

MOST_KEYS = 10_000


class Cursors:
    """One counter per key (a profile, an alias); the least recently claimed are forgotten beyond a bound."""

    def __init__(self, most_keys: int = MOST_KEYS) -> None:
        """Begin with every cursor at 0."""
        self._most_keys = most_keys
        self._next: OrderedDict[str, int] = OrderedDict()

    def peek(self, key: str) -> int:
        """The position that the next claim gets; for dry runs."""
        return self._next.get(key, 0)

    def claim(self, key: str) -> int:
        """Take the position: no other caller gets it."""
        position = self._next.get(key, 0)
        self._next[key] = position + 1
        self._next.move_to_end(key)
        if len(self._next) > self._most_keys:
            self._next.popitem(last=False)
        return position
