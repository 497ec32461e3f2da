"""The waiting room: who is woken when, what is bounded, and that nobody is forgotten."""

import asyncio
from collections import Counter
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router_service.calls.fair_queue import FairQueue, Rank
from router_service.calls.waiting import Seat, WaitingRoom, WaitingSettings
from router_service.domain.errors import DeadlinePassed, Exhausted
from service_common.clock import SystemClock
from service_common.deadline import Deadline
from tests.support.settings import waiting_settings


@dataclass
class World:
    """Targets with so many slots, calls that use them, and the order in which they began."""

    slots: Counter[str]
    settings: WaitingSettings = field(default_factory=waiting_settings)
    began: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Open the room."""
        self.clock = SystemClock()
        self.room = WaitingRoom(self.clock, lambda target: self.slots[target], self.settings)

    def free(self, target: str, slots: int = 1) -> None:
        """Slots become free."""
        self.slots[target] += slots
        self.room.look()

    async def call(
        self, name: str, *targets: str, priority: int = 0, tenant: str = "default", deadline: float = 10.0
    ) -> None:
        """A call that takes the first target with a free slot, and waits while there is none; it keeps the slot."""
        seat = self.room.seat(priority, tenant, Deadline.after(self.clock, deadline))
        try:
            while not self._take(seat, targets):
                await self.room.wait(seat, dict.fromkeys(targets))
            self.began.append(name)
        finally:
            self.room.leave(seat)

    def _take(self, seat: Seat, targets: tuple[str, ...]) -> bool:
        for target in targets:
            if self.slots[target] > 0 and not self.room.contested(target, seat):
                self.slots[target] -= 1
                self.room.leave(seat)
                return True
        return False


async def turns(number: int = 5) -> None:
    """Let everything that is ready run."""
    for _ in range(number):
        await asyncio.sleep(0)


async def end(*calls: "asyncio.Task[None]") -> None:
    """Leave no task behind."""
    for call in calls:
        call.cancel()
    await asyncio.gather(*calls, return_exceptions=True)


async def test_the_order_is_priority_then_tenants_in_turn_then_deadline() -> None:
    """One tenant's many calls do not keep another's from its turn; within a tenant the earliest deadline is first."""
    world = World(Counter())
    waiting = [
        ("a-late", 0, "a", 9.0),
        ("a-soon", 0, "a", 5.0),
        ("a-later", 0, "a", 10.0),
        ("b", 0, "b", 10.0),
        ("urgent", 5, "c", 10.0),
    ]
    calls = []
    for name, priority, tenant, deadline in waiting:
        calls.append(asyncio.create_task(world.call(name, "x/m", priority=priority, tenant=tenant, deadline=deadline)))
        await turns(1)
    for _ in waiting:
        world.free("x/m")
        await turns()
    assert world.began == ["urgent", "a-soon", "b", "a-late", "a-later"]
    await asyncio.gather(*calls)
    assert world.room.waiting == 0


async def test_nobody_is_held_up_by_who_waits_for_something_else() -> None:
    """The first in the queue wants another target: the slot goes to the one behind it."""
    world = World(Counter())
    first = asyncio.create_task(world.call("first", "x/m", priority=9))
    second = asyncio.create_task(world.call("second", "y/m"))
    await turns()
    world.free("y/m")
    await turns()
    assert world.began == ["second"]
    await end(first, second)


async def test_a_newcomer_takes_no_slot_past_those_who_wait() -> None:
    """It waits behind them; one of higher priority goes ahead."""
    world = World(Counter())
    waiting = asyncio.create_task(world.call("waiting", "x/m"))
    await turns()
    world.slots["x/m"] += 1
    newcomer = asyncio.create_task(world.call("newcomer", "x/m"))
    await turns(1)
    assert world.began == []
    world.room.look()
    await turns()
    assert world.began == ["waiting"]
    world.slots["x/m"] += 1
    await world.call("urgent", "x/m", priority=1)
    assert world.began == ["waiting", "urgent"]
    await end(waiting, newcomer)


async def test_a_newcomer_takes_what_nobody_waits_for() -> None:
    """A queue for one target is none for the others."""
    world = World(Counter({"y/m": 1}))
    waiting = asyncio.create_task(world.call("waiting", "x/m"))
    await turns()
    await world.call("newcomer", "x/m", "y/m")
    assert world.began == ["newcomer"]
    await end(waiting)


async def test_a_full_room_refuses_at_once_and_says_when_to_come_again() -> None:
    """Bounded: one more than may wait is refused without waiting."""
    world = World(Counter(), waiting_settings(length=2))
    calls = [asyncio.create_task(world.call(str(n), "x/m")) for n in range(2)]
    await turns()
    with pytest.raises(Exhausted, match="2 calls wait already") as refused:
        await world.call("third", "x/m")
    assert refused.value.retry_after == 1.0
    assert (world.room.counts.refused, world.room.counts.waited) == (1, 2)
    await end(*calls)
    assert world.room.waiting == 0


async def test_the_longest_wait_is_the_queue_timeout_or_the_deadline() -> None:
    """The first is a lack of capacity, with a time to come again; the second is the caller's own deadline."""
    world = World(Counter(), waiting_settings(queue_timeout=0.02))
    with pytest.raises(Exhausted, match="in vain for x/m"):
        await world.call("slow", "x/m")
    with pytest.raises(DeadlinePassed, match="while the call waited for x/m"):
        await world.call("hurried", "x/m", deadline=0.01)
    assert world.room.counts.timed_out == 2
    assert world.room.waiting == 0


async def test_a_call_that_has_begun_keeps_a_place_for_its_fallback() -> None:
    """It asks now and then, and those who wait would win each time: the slot is kept for it once its turn has come."""
    world = World(Counter())
    seat = world.room.seat(0, "default", Deadline.after(world.clock, 5.0))
    world.room.keep_place(seat, "x/m", None)
    waiting = asyncio.create_task(world.call("waiting", "x/m"))
    await turns()
    world.free("x/m")
    await turns()
    assert (world.began, seat.granted) == ([], "x/m")
    world.slots["x/m"] -= 1
    world.room.leave(seat)
    world.free("x/m")
    await turns()
    assert world.began == ["waiting"]
    await waiting


async def test_a_kept_place_that_is_given_up_goes_to_the_next() -> None:
    """The call ended: its slot is not kept any longer. Where the room is full, it asks without a place."""
    world = World(Counter(), waiting_settings(length=1))
    seat, late = (world.room.seat(0, "default", Deadline.after(world.clock, 5.0)) for _ in range(2))
    world.room.keep_place(seat, "x/m", None)
    world.room.keep_place(late, "x/m", None)
    assert (world.room.waiting, late.wanted) == (1, frozenset())
    world.free("x/m")
    assert seat.granted == "x/m"
    world.room.leave(seat)
    world.room.leave(late)
    async with asyncio.timeout(10):
        await world.call("next", "x/m")
    assert world.room.waiting == 0


async def test_a_call_that_leaves_passes_its_slot_on() -> None:
    """Woken, and cancelled before it could begin: the next is woken in its place."""
    world = World(Counter())
    first = asyncio.create_task(world.call("first", "x/m"))
    second = asyncio.create_task(world.call("second", "x/m"))
    await turns()
    world.free("x/m")
    first.cancel()
    await turns()
    assert world.began == ["second"]
    await end(first, second)


async def test_a_limit_that_is_reached_is_waited_for() -> None:
    """A target that has slots but named a time is left alone until then, and tried by one call, not by all."""
    world = World(Counter({"x/m": 5}))
    opens = world.clock.now() + 0.25
    began: list[tuple[str, bool]] = []
    refusals = 0

    async def call(name: str) -> None:
        nonlocal refusals
        seat = world.room.seat(0, "default", Deadline.after(world.clock, 5))
        while world.room.contested("x/m", seat) or world.clock.now() < opens:
            refusals += 1
            await world.room.wait(seat, {"x/m": max(0.0, opens - world.clock.now())})
        began.append((name, world.clock.now() >= opens))
        world.room.leave(seat)

    calls = [asyncio.create_task(call(str(n))) for n in range(20)]
    await asyncio.wait_for(asyncio.gather(*calls), 3)
    assert began == [(str(n), True) for n in range(20)]
    assert refusals < 20 + 10


async def test_a_target_that_only_seemed_free_is_left_alone_for_a_moment() -> None:
    """Its worker is at its own limit: granted again at once, the call would try without a pause."""
    world = World(Counter({"x/m": 1}))
    tries = 0

    async def call() -> None:
        nonlocal tries
        seat = world.room.seat(0, "default", Deadline.after(world.clock, 60))
        while tries < 50:  # one that is granted again at once never lets the loop go
            tries += 1
            await world.room.wait(seat, {"x/m": None})

    calling = asyncio.create_task(call())
    await turns()
    world.room.look()
    await turns(100)
    assert 2 <= tries < 20
    tried = tries
    async with asyncio.timeout(10):
        while tries == tried:  # noqa: ASYNC110 - nobody tells of a try
            await asyncio.sleep(0.01)
    await end(calling)


async def test_a_wait_that_is_certainly_in_vain_is_refused_at_once() -> None:
    """Every target named a time beyond the deadline: the caller is told now, with the soonest of these."""
    world = World(Counter())
    seat = world.room.seat(0, "default", Deadline.after(world.clock, 5))
    with pytest.raises(Exhausted, match="no use in waiting") as refused:
        await world.room.wait(seat, {"x/m": 60.0, "y/m": 30.0})
    assert refused.value.retry_after == 30.0
    assert world.room.waiting == 0


async def test_slots_that_nobody_tells_of_are_found() -> None:
    """A worker that attaches settles no attempt; the room looks by itself."""
    world = World(Counter())
    call = asyncio.create_task(world.call("waiting", "x/m"))
    await turns()
    world.slots["x/m"] += 1
    await asyncio.wait_for(call, 2)
    assert world.began == ["waiting"]


@settings(max_examples=60, deadline=None)
@given(
    calls=st.lists(
        st.tuples(
            st.sets(st.sampled_from(["x/m", "x/n", "y/m"]), min_size=1),
            st.integers(0, 2),
            st.sampled_from(["a", "b", "c"]),
            st.booleans(),
        ),
        max_size=25,
    ),
    freed=st.lists(st.sampled_from(["x/m", "x/n", "y/m"]), max_size=25),
)
def test_no_slot_stays_free_while_somebody_wants_it(
    calls: list[tuple[set[str], int, str, bool]], freed: list[str]
) -> None:
    """Whoever comes, leaves or is served in whatever order: never a wanted target with a free slot, never a leak."""

    async def scenario() -> None:
        world = World(Counter())
        tasks = []
        for number, (wanted, priority, tenant, leaves) in enumerate(calls):
            name = str(number)
            task = asyncio.create_task(world.call(name, *sorted(wanted), priority=priority, tenant=tenant))
            tasks.append((task, wanted))
            await turns(1)
            if leaves:
                task.cancel()
            if number < len(freed):
                world.free(freed[number])
        for target in freed[len(calls) :]:
            world.free(target)
        await turns(40)
        wanted = {target for task, targets in tasks if not task.done() for target in targets}
        assert [target for target in wanted if world.slots[target] > 0] == []
        assert world.room.waiting == sum(not task.done() for task, _ in tasks)
        await end(*(task for task, _ in tasks))
        assert world.room.waiting == 0
        assert len(world.began) + sum(world.slots.values()) == len(freed)

    asyncio.run(scenario())


def test_the_fair_queue_serves_every_tenant_before_any_twice() -> None:
    """A tenant's tenth call comes after every other tenant's first."""
    queue: FairQueue[str] = FairQueue()
    for number in range(10):
        queue.add(f"a{number}", 0, "a", Rank(float(number), number))
    for number, tenant in enumerate("bcd", start=10):
        queue.add(tenant, 0, tenant, Rank(99.0, number))
    served = []
    ranks = {f"a{n}": ("a", Rank(float(n), n)) for n in range(10)}
    ranks |= {tenant: (tenant, Rank(99.0, number)) for number, tenant in enumerate("bcd", start=10)}
    while (item := queue.first(lambda _: True)) is not None:
        tenant, rank = ranks[item]
        queue.remove(0, tenant, rank)
        served.append(item)
    assert served[:5] == ["a0", "b", "c", "d", "a1"]
    assert len(served) == 13
