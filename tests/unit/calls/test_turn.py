"""A call's way to the workers beside those that wait."""

from router_service.calls.turn import Turn
from router_service.calls.waiting import WaitingRoom
from router_service.contracts.dispatch import Refusal
from router_service.dispatch.attempt import Attempt
from router_service.domain.attempt import Answer, Usage
from router_service.domain.signals import Finished
from router_service.domain.target import Limits
from service_common.clock import SystemClock
from service_common.deadline import Deadline
from service_common.vocabulary import AttemptKind, FinishReason
from tests.support.fakes import KeptLink
from tests.support.link_parts import Parts, catalogue, hello, order, spec
from tests.support.settings import waiting_settings

DONE = Finished(Answer(FinishReason.STOP), Usage(1, 1))


async def test_a_call_that_has_begun_queues_for_a_busy_fallback() -> None:
    """Its second target is busy: it stands in line before newcomers, gets the next slot, and then stands no more."""
    parts = Parts(catalogue(spec("a/m"), spec("b/m", limits=Limits(concurrency=1))), SystemClock())
    parts.link.attach(hello("a", "a"), KeptLink(), "peer")
    session = parts.link.attach(hello("b", "b"), KeptLink(), "peer")
    room = WaitingRoom(parts.clock, parts.table.free_slots, waiting_settings())
    mine, newcomers = (room.seat(0, "default", Deadline.after(parts.clock, 60.0)) for _ in range(2))
    turn = Turn(parts.registry, room, mine)
    assert isinstance(turn.start(order(parts.clock, parts.catalogue.targets["a/m"])), Attempt)
    busy = parts.start("b/m")
    for kind, places in ((AttemptKind.HEDGE, 0), (AttemptKind.FALLBACK, 1), (AttemptKind.FALLBACK, 1)):
        refused = turn.start(order(parts.clock, parts.catalogue.targets["b/m"], kind=kind))
        assert isinstance(refused, Refusal)
        assert (refused.at_capacity, room.waiting) == (True, places)
    parts.link.deliver(session, busy.attempt_id, DONE)
    room.look()
    assert (mine.granted, room.contested("b/m", newcomers)) == ("b/m", True)
    fallback = order(parts.clock, parts.catalogue.targets["b/m"], kind=AttemptKind.FALLBACK)
    assert isinstance(turn.start(fallback), Attempt)
    assert (room.waiting, room.contested("b/m", newcomers)) == (0, False)
