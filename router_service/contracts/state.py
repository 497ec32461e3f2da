"""What a call asks of the router's state."""

from typing import Protocol

from router_service.domain.target import TableSnapshot


class TableReader(Protocol):
    """The health and load table, to be read."""

    def snapshot(self) -> TableSnapshot:
        """The table at this moment, frozen."""
        ...


class Cursors(Protocol):
    """Round-robin positions, one per key."""

    def peek(self, key: str) -> int:
        """The position that the next call would get."""
        ...

    def claim(self, key: str) -> int:
        """The position, which no other call gets."""
        ...
