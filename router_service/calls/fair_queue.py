"""The order in which calls wait: priority first, then tenants in turn, then whoever has the earliest deadline."""

from bisect import bisect_left, insort
from collections.abc import Callable
from typing import Generic, TypeVar

from msgspec import Struct

T = TypeVar("T")


class Rank(Struct, frozen=True, order=True):
    """Where a call stands among its tenant's: earliest deadline first, then first come; `number` is unique."""

    deadline: float
    number: int


class FairQueue(Generic[T]):
    """Items by priority, tenant and rank. Bounded by who fills it."""

    def __init__(self) -> None:
        """Begin empty."""
        self._ranks: dict[int, dict[str, list[Rank]]] = {}
        self._items: dict[int, T] = {}

    def __len__(self) -> int:
        return len(self._items)

    def add(self, item: T, priority: int, tenant: str, rank: Rank) -> None:
        """Let an item wait. A tenant that waits already keeps its turn; a new one comes last."""
        insort(self._ranks.setdefault(priority, {}).setdefault(tenant, []), rank)
        self._items[rank.number] = item

    def remove(self, priority: int, tenant: str, rank: Rank) -> None:
        """Take an item out; without effect where it is not there any more."""
        if self._items.pop(rank.number, None) is None:
            return
        tenants = self._ranks[priority]
        ranks = tenants[tenant]
        del ranks[bisect_left(ranks, rank)]
        if not ranks:
            del tenants[tenant]
        if not tenants:
            del self._ranks[priority]

    def first(self, fits: Callable[[T], bool], *, served: bool = True) -> T | None:
        """The item whose turn it is among those that fit; `served`: its tenant goes behind those of its priority."""
        for priority in sorted(self._ranks, reverse=True):
            tenants = self._ranks[priority]
            for tenant, ranks in tenants.items():
                for rank in ranks:
                    if fits(self._items[rank.number]):
                        if served:
                            tenants[tenant] = tenants.pop(tenant)
                        return self._items[rank.number]
        return None
