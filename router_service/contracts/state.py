"""What a call asks of the router's state."""

from collections.abc import Collection
from typing import Protocol

from router_service.domain.switches import Switches
from router_service.domain.target import TableSnapshot


class TableReader(Protocol):
    """The health and load table, to be read."""

    def snapshot(self) -> TableSnapshot:
        """The table at this moment, frozen."""
        ...


class RecoverableTable(TableReader, Protocol):
    """The table, to be told that targets serve again."""

    def recover(self, targets: Collection[str]) -> None:
        """Bring back those that are out, and let the next call probe those whose circuit is open."""
        ...


class Switchboard(Protocol):
    """The table, to be switched."""

    @property
    def switches(self) -> Switches:
        """What is switched, by target or backend."""
        ...

    def apply_switches(self, switches: Switches) -> None:
        """Follow these switches, also for targets that appear later."""
        ...

    def bring_back(self, names: Collection[str]) -> None:
        """Bring these targets, or all of these backends, back into service, for the next call to see how they are.

        Ends cool-downs, also those of a target's backend, and what took a target out; switches stay as they are.
        """
        ...

    def targets_named(self, name: str) -> tuple[str, ...]:
        """The target, or all of a backend's.

        Raises:
            NotFound: there is no such target or backend.
        """
        ...


class Judgements(Protocol):
    """Takes callers' judgements of earlier answers."""

    def report(self, decision_id: str, quality: float) -> str:
        """Let the answer's quality (0..1) count for its target; returns the target.

        Raises:
            NotFound: no answer of that decision is remembered.
        """
        ...


class Cursors(Protocol):
    """Round-robin positions, one per key."""

    def peek(self, key: str) -> int:
        """The position that the next call would get."""
        ...

    def claim(self, key: str) -> int:
        """The position, which no other call gets."""
        ...
