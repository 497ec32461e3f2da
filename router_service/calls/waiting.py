"""The waiting room: calls whose every target is busy wait here, in order, and are woken when one of them is free.

A call that is woken decides anew and tries; it keeps its place until it has begun, so that one that finds the slot
gone waits on where it stood. Nobody takes a slot past those who wait for it with the same or a higher priority.
"""

import asyncio
import itertools
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

from msgspec import Struct

from router_service.calls.fair_queue import FairQueue, Rank
from router_service.domain.attempt import AttemptRecord
from router_service.domain.errors import SHORTEST_RETRY, DeadlinePassed, Exhausted
from service_common.clock import Clock
from service_common.deadline import Deadline

LOOK_AGAIN = 0.1
"""Seconds after which free slots are looked for that nobody told of: a worker attached, a limit was raised."""

FreeSlots = Callable[[str], float]
"""How many attempts a target could begin now."""


class WaitingSettings(Struct, frozen=True):
    """`length`: most calls that wait. `queue_timeout`: longest wait in seconds; None: until the call's deadline."""

    length: int
    queue_timeout: float | None


@dataclass(slots=True)
class WaitingCounts:
    """What came of all calls that found no slot, since the start.

    Attributes:
        waited: calls that had to wait; `refused`: found the room full; `timed_out`: waited in vain.
        waited_seconds: of all waits.
    """

    waited: int = 0
    refused: int = 0
    timed_out: int = 0
    waited_seconds: float = 0.0


@dataclass(eq=False, slots=True)
class Seat:
    """One call's place. `wanted`: targets that refused it for want of capacity; `granted`: the one that is free now.

    `nudged`: it was woken although none of them is, to see whether anything else has changed.
    """

    priority: int
    tenant: str
    rank: Rank
    deadline: Deadline
    wanted: frozenset[str] = frozenset()
    granted: str = ""
    nudged: bool = False
    woken: asyncio.Event = field(default_factory=asyncio.Event)


class WaitingRoom:
    """Implements `AttemptObserver`: a settled attempt frees a slot."""

    def __init__(self, clock: Clock, free: FreeSlots, settings: WaitingSettings) -> None:
        """Begin empty."""
        self._clock = clock
        self._free = free
        self._settings = settings
        self.counts = WaitingCounts()
        self._queue: FairQueue[Seat] = FairQueue()
        self._numbers = itertools.count(1)
        self._wanted: dict[int, Counter[str]] = {}
        self._granted: Counter[str] = Counter()
        self._closed_until: dict[str, float] = {}
        self._timer: asyncio.TimerHandle | None = None

    @property
    def waiting(self) -> int:
        """Calls that wait now, those that were woken and have not begun yet included."""
        return len(self._queue)

    def follow(self, settings: WaitingSettings) -> None:
        """Take other settings; who waits already keeps what applied."""
        self._settings = settings

    def seat(self, priority: int, tenant: str, deadline: Deadline) -> Seat:
        """A place for one call, which it must `leave` however it ends."""
        until = deadline
        if self._settings.queue_timeout is not None:
            until = deadline.sooner(Deadline.after(self._clock, self._settings.queue_timeout))
        return Seat(priority, tenant, Rank(until.at, next(self._numbers)), deadline)

    def contested(self, target: str, seat: Seat) -> bool:
        """Whether others, of the same or a higher priority, wait for a target that was not granted to `seat`."""
        if not self._queue or seat.granted == target:
            return False
        mine = seat.priority if seat.wanted and target in seat.wanted else None
        return any(
            counter[target] > (1 if priority == mine else 0)
            for priority, counter in self._wanted.items()
            if priority >= seat.priority
        )

    async def wait(self, seat: Seat, wanted: Mapping[str, float | None]) -> None:
        """Until one of the wanted targets is free and it is this call's turn.

        Args:
            wanted: the targets that refused the call, with the seconds until it may help to ask again where known.

        Raises:
            Exhausted: the room is full, the call waited as long as it may, or it would certainly wait in vain.
            DeadlinePassed: its deadline passed first.
        """
        left = seat.rank.deadline - self._clock.now()
        soonest = min((0.0 if wait is None else wait for wait in wanted.values()), default=0.0)
        if soonest >= left > 0:
            raise Exhausted("there is no use in waiting, as the call may not wait so long", retry_after=soonest)
        self._note_closed(wanted, seat.granted)
        if not seat.wanted:
            self._sit(seat, frozenset(wanted))
        else:
            self._want(seat, frozenset(wanted))
        self._release(seat)
        began = self._clock.now()
        try:
            async with asyncio.timeout(max(0.0, seat.rank.deadline - began)):
                await seat.woken.wait()
        except TimeoutError:
            self.counts.timed_out += 1
            raise self._in_vain(seat, began) from None
        finally:
            self.counts.waited_seconds += self._clock.now() - began

    def keep_place(self, seat: Seat, target: str, wait: float | None) -> None:
        """A call that has begun found `target` busy, and asks again by itself: a slot is kept for it in its turn.

        Args:
            seat: its place, or where it takes one; none where the room is full.
            target: what refused it.
            wait: seconds until it may help to ask again, where known.
        """
        self._note_closed({target: wait}, seat.granted)
        if seat.wanted:
            self._want(seat, seat.wanted | {target})
        elif len(self._queue) < self._settings.length:
            self._sit(seat, frozenset({target}))
        self._release(seat)

    def leave(self, seat: Seat) -> None:
        """Give up the place: the call has begun, or ended. What was granted and is not used goes to the next."""
        if not seat.wanted:
            return
        nudged = seat.nudged
        self._queue.remove(seat.priority, seat.tenant, seat.rank)
        self._want(seat, frozenset())
        self._release(seat)
        if nudged:
            self._nudge()  # it found a way or an end, which the next may find, too
        if not self._queue and self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def attempt_settled(self, record: AttemptRecord) -> None:
        """See `AttemptObserver.attempt_settled`: a slot of that backend is free."""
        if self._queue:
            self._grant(record.target.partition("/")[0])

    def look(self) -> None:
        """Wake whoever can begin now, and one more who may find another way; called regularly while somebody waits."""
        for backend in {target.partition("/")[0] for counter in self._wanted.values() for target in counter}:
            self._grant(backend)
        self._nudge()

    # ------------------------------------------------------------------------------------------ places

    def _sit(self, seat: Seat, wanted: frozenset[str]) -> None:
        if len(self._queue) >= self._settings.length:
            self.counts.refused += 1
            raise Exhausted(
                f"{len(self._queue)} calls wait already, which is as many as may",
                retry_after=self._retry_after(wanted),
            )
        self.counts.waited += 1
        self._queue.add(seat, seat.priority, seat.tenant, seat.rank)
        self._want(seat, wanted)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(LOOK_AGAIN, self._tick)

    def _want(self, seat: Seat, wanted: frozenset[str]) -> None:
        counter = self._wanted.setdefault(seat.priority, Counter())
        counter.subtract(seat.wanted)
        counter.update(wanted)
        seat.wanted = wanted
        left = Counter({target: count for target, count in counter.items() if count > 0})
        if left:
            self._wanted[seat.priority] = left
        else:
            del self._wanted[seat.priority]

    def _release(self, seat: Seat) -> None:
        """The call has tried what it was granted: there may be room for the next."""
        target, seat.granted = seat.granted, ""
        seat.nudged = False
        seat.woken.clear()
        if not target:
            return
        self._granted[target] -= 1
        if not self._granted[target]:
            del self._granted[target]
        self._grant(target.partition("/")[0])

    # ------------------------------------------------------------------------------------------ waking

    def _grant(self, backend: str) -> None:
        """Wake calls, in order, for every free slot of a backend's targets."""
        while True:
            free = self._open_targets(backend)
            if not free:
                return
            seat = self._queue.first(partial(_can_use, free))
            if seat is None:
                return
            seat.granted = min(seat.wanted & free)
            self._granted[seat.granted] += 1
            seat.woken.set()

    def _nudge(self) -> None:
        """Let the first call that was not woken decide anew: other targets may have come, or its own have gone."""
        seat = self._queue.first(lambda waiting: not waiting.woken.is_set(), served=False)
        if seat is not None:
            seat.nudged = True
            seat.woken.set()

    def _open_targets(self, backend: str) -> frozenset[str]:
        """Wanted targets of a backend with a slot that is not granted to anybody yet."""
        now = self._clock.now()
        prefix = f"{backend}/"
        wanted = {t for counter in self._wanted.values() for t in counter if t.startswith(prefix)}
        granted = sum(count for target, count in self._granted.items() if target.startswith(prefix))
        return frozenset(t for t in wanted if self._free(t) > granted and self._closed_until.get(t, now) <= now)

    def _note_closed(self, wanted: Mapping[str, float | None], granted: str) -> None:
        """A target at a limit per minute has free slots and yet takes nobody for that long."""
        now = self._clock.now()
        if granted in wanted and wanted[granted] is None:
            wanted = {**wanted, granted: LOOK_AGAIN}  # it seemed free and was not
        self._closed_until = {target: until for target, until in self._closed_until.items() if until > now}
        self._closed_until |= {target: now + wait for target, wait in wanted.items() if wait is not None}

    def _tick(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(LOOK_AGAIN, self._tick)
        self.look()

    # ------------------------------------------------------------------------------------------ refusals

    def _in_vain(self, seat: Seat, began: float) -> Exhausted | DeadlinePassed:
        waited = self._clock.now() - began
        if seat.deadline.passed(self._clock):
            return DeadlinePassed(f"the deadline passed while the call waited for {_listed(seat.wanted)}")
        return Exhausted(
            f"the call waited {waited:.1f} s in vain for {_listed(seat.wanted)}",
            retry_after=self._retry_after(seat.wanted),
        )

    def _retry_after(self, wanted: frozenset[str]) -> float:
        now = self._clock.now()
        return max(SHORTEST_RETRY, min((self._closed_until.get(target, now) - now for target in wanted), default=0.0))


def _can_use(free: frozenset[str], seat: Seat) -> bool:
    return not seat.granted and not seat.wanted.isdisjoint(free)


def _listed(targets: frozenset[str]) -> str:
    return " or ".join(sorted(targets))
