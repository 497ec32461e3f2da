"""Which worker takes an attempt, and what silence means."""

from typing import Any

import pytest

from router_service.contracts.dispatch import Refusal
from router_service.dispatch.link import UnknownBackend, WrongSequence
from router_service.dispatch.sessions import StaleHello, WorkerSession
from router_service.domain.attempt import Failure
from router_service.domain.worker import WorkerHeartbeat
from service_common.failures import FailureClass
from service_common.vocabulary import Operation, Sensitivity, TargetState, WorkerState
from tests.support.fakes import KeptLink
from tests.support.link_parts import Parts, catalogue, hello, order, spec


def attach(parts: Parts, worker_id: str = "w1", **changes: Any) -> WorkerSession:
    """Attach a worker of backend `a`."""
    return parts.link.attach(hello(worker_id, **changes), KeptLink(), "peer")


@pytest.fixture
def parts() -> Parts:
    """A router with one target."""
    return Parts(catalogue(spec("a/m")))


def refused(parts: Parts, **changes: object) -> Refusal:
    """The refusal of an attempt."""
    answer = parts.registry.start(order(parts.clock, parts.catalogue.targets["a/m"], **changes))
    assert isinstance(answer, Refusal)
    return answer


def test_the_least_loaded_worker_takes_the_next_attempt(parts: Parts) -> None:
    """Load is relative to capacity: of two with 2 and 4 slots, every third attempt goes to the smaller."""
    small, large = attach(parts, "w1", capacity=2), attach(parts, "w2", capacity=4)
    for _ in range(6):
        parts.start("a/m")
    assert (small.in_flight, large.in_flight) == (2, 4)
    assert refused(parts).at_capacity


def test_equal_workers_take_turns(parts: Parts) -> None:
    """Also where each attempt ends before the next begins."""
    sessions = [attach(parts, f"w{number}") for number in range(3)]
    for _ in range(6):
        attempt = parts.start("a/m")
        attempt.cancel(Failure(FailureClass.CANCELLED, ""))
        parts.clock.advance(3)
        parts.registry.settle_overdue()
    assert [session.dispatched for session in sessions] == [2, 2, 2]


def test_work_of_other_routers_counts_as_load(parts: Parts) -> None:
    """What a worker reports beyond this router's own attempts makes it less attractive."""
    busy, idle = attach(parts, "w1"), attach(parts, "w2")
    parts.link.heartbeat(busy, WorkerHeartbeat(1, in_flight=2, queued=1))
    for _ in range(3):
        parts.start("a/m")
    assert (busy.in_flight, idle.in_flight) == (0, 3)


def test_a_late_worker_is_chosen_last_but_keeps_its_attempts(parts: Parts) -> None:
    """Stale is not overloaded: one late heartbeat fails nothing over."""
    late, fresh = attach(parts, "w1"), attach(parts, "w2")
    attempt = parts.start("a/m")
    assert late.in_flight == 1
    for _ in range(6):
        parts.clock.advance(0.25)
        parts.link.check()
    parts.link.heartbeat(fresh, WorkerHeartbeat(1))
    assert (late.report.suspect, fresh.report.suspect) == (True, False)
    for _ in range(4):
        parts.start("a/m")
    assert (late.in_flight, fresh.in_flight) == (1, 4)
    assert attempt.record is None
    parts.start("a/m")
    assert late.in_flight == 2


def test_two_missed_heartbeats_fail_its_attempts_over(parts: Parts) -> None:
    """The worker gets nothing more until a heartbeat comes."""
    session = attach(parts)
    attempt = parts.start("a/m")
    for _ in range(10):
        parts.clock.advance(0.25)
        parts.link.check()
    assert attempt.record is not None
    assert attempt.record.outcome.failure is not None
    assert attempt.record.outcome.failure.failure_class is FailureClass.WORKER_LOST
    assert "heartbeats stopped" in refused(parts).reason
    assert parts.table.snapshot().targets["a/m"].state is TargetState.SUSPECT
    parts.link.heartbeat(session, WorkerHeartbeat(1))
    parts.start("a/m")


def test_a_router_that_slept_blames_no_worker(parts: Parts) -> None:
    """After a pause of the router itself, unread heartbeats are given time to be read."""
    attach(parts)
    attempt = parts.start("a/m")
    parts.clock.advance(30)
    parts.link.check()
    parts.clock.advance(0.25)
    parts.link.check()
    assert attempt.record is None
    assert parts.table.snapshot().targets["a/m"].state is TargetState.READY


@pytest.mark.parametrize("state", [WorkerState.NOT_CONFIGURED, WorkerState.UNHEALTHY])
def test_a_worker_that_cannot_serve_gets_only_probes(parts: Parts, state: WorkerState) -> None:
    """Its reason is the refusal's."""
    attach(parts, state=state, state_reason="no key")
    assert "no key" in refused(parts).reason
    parts.start("a/m", operation=Operation.PROBE)


def test_a_worker_below_the_requests_sensitivity_is_passed_over(parts: Parts) -> None:
    """Whatever the table allows."""
    attach(parts, clearance=Sensitivity.PUBLIC)
    assert "lets through public at most" in refused(parts).reason


def test_sequence_fencing_and_backends_are_checked(parts: Parts) -> None:
    """Each error names both sides of the mistake."""
    session = attach(parts, epoch=5)
    with pytest.raises(WrongSequence, match="heartbeat 2 came where 1 was due"):
        parts.link.heartbeat(session, WorkerHeartbeat(2))
    with pytest.raises(StaleHello, match="epoch 5, which is newer than 4"):
        attach(parts, epoch=4)
    with pytest.raises(UnknownBackend, match=r'no backend "x"\. Known: a\.'):
        attach(parts, backend="x")
    assert parts.link.sessions == (session,)


def test_what_a_fenced_session_still_says_is_not_believed(parts: Parts) -> None:
    """Its late heartbeat, drain and cool-down do not reach the table."""
    older = attach(parts, epoch=1)
    attach(parts, epoch=2)
    parts.link.heartbeat(older, WorkerHeartbeat(1, state=WorkerState.UNHEALTHY))
    parts.link.draining(older, "leaving")
    parts.link.cool_down(older, "", 60, "told so")
    parts.link.models_changed(older, ())
    assert parts.table.snapshot().targets["a/m"].state is TargetState.READY


def test_what_is_free_is_what_a_call_would_get(parts: Parts) -> None:
    """As many calls can begin as are said to be free, and none where a call would be refused."""
    session = attach(parts, capacity=2)
    assert [parts.sessions.free_slots(target) for target in ("a/m", "a/other", "b/m")] == [2, 0, 0]
    parts.start("a/m")
    assert parts.sessions.free_slots("a/m") == 1
    parts.start("a/m")
    assert parts.sessions.free_slots("a/m") == 0
    idle = attach(parts, "w2", capacity=3)
    assert parts.sessions.free_slots("a/m") == 3
    parts.link.heartbeat(idle, WorkerHeartbeat(1, state=WorkerState.UNHEALTHY))
    assert parts.sessions.free_slots("a/m") == 0
    parts.link.heartbeat(idle, WorkerHeartbeat(2))
    assert parts.sessions.free_slots("a/m") == 3
    parts.link.draining(idle, "an update")
    assert parts.sessions.free_slots("a/m") == 0
    parts.link.draining(session, "an update")
    assert "is draining" in refused(parts).reason
