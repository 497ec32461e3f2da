"""The health and load table: states, claims, outcomes, reloads, snapshots."""

import asyncio
import logging
from datetime import date

import pytest

from router_service.dispatch.attempt import Attempt
from router_service.domain.attempt import Failure
from router_service.domain.errors import NotFound
from router_service.domain.events import TextDelta
from router_service.domain.signals import Failed
from router_service.domain.target import LONG_SILENCE, BackendPolicy
from router_service.domain.worker import ModelReport, RateLimitStatus, WorkerHeartbeat
from service_common.failures import FailureClass
from service_common.vocabulary import Sensitivity, TargetState, WorkerState
from tests.support.fakes import KeptLink
from tests.support.link_parts import Parts, catalogue, hello, order, spec
from tests.support.table import DISCOVERING, end, failing, parts, refused, row, switch


def test_a_target_without_a_worker_is_detached() -> None:
    """The row is there from the beginning and says what is missing."""
    alone = Parts(catalogue(spec("a/m")))
    assert row(alone).state is TargetState.DETACHED
    assert row(alone).state_reason == 'no worker of backend "a" is attached'


def test_a_running_attempt_counts_until_it_settles() -> None:
    """In flight, attempts, money and figures follow."""
    found = parts()
    attempt = found.start("a/m")
    assert row(found).in_flight == 1
    found.clock.advance(1)
    found.link.deliver(next(iter(found.sessions)), attempt.attempt_id, TextDelta("x"))
    found.clock.advance(1)
    end(found, attempt)
    settled = row(found)
    assert (settled.in_flight, settled.attempts, settled.spent) == (0, 1, 50)
    assert (settled.metrics.latency, settled.metrics.first_token, settled.metrics.tokens_per_second) == (2, 1, 20)
    assert settled.metrics.success_rate == 1
    assert row(found, "a/n").metrics.samples == 0


@pytest.mark.parametrize(
    "failure_class",
    [FailureClass.INVALID_REQUEST, FailureClass.CONTENT_FILTERED, FailureClass.CANCELLED, FailureClass.UNSUPPORTED],
)
def test_what_is_not_the_targets_fault_does_not_count_against_it(failure_class: FailureClass) -> None:
    """Neither circuit nor success rate move, however often it happens."""
    found = parts()
    failing(found, failure_class, times=30)
    assert row(found).state is TargetState.READY
    assert row(found).metrics.samples == 0


def test_the_circuit_opens_probes_and_closes() -> None:
    """Five failures open it; one probe is claimed; its success makes the target ready again."""
    found = parts()
    failing(found, FailureClass.OVERLOADED, times=5)
    opened = row(found)
    assert opened.state is TargetState.CIRCUIT_OPEN
    assert opened.available_at == found.clock.now() + 10
    assert opened.state_reason == "5 failures in a row, last: overloaded"
    assert refused(found).retry_after == 10
    found.clock.advance(10)
    assert row(found).state is TargetState.HALF_OPEN
    probe = found.start("a/m")
    assert row(found).state is TargetState.CIRCUIT_OPEN
    assert "probe is under way" in refused(found).reason
    end(found, probe)
    assert row(found).state is TargetState.READY
    assert row(found, "a/n").state is TargetState.READY


def test_a_cancelled_probe_can_be_claimed_again() -> None:
    """A caller that goes away does not close a circuit nor keep it open."""
    found = parts()
    failing(found, FailureClass.UNAVAILABLE, times=5)
    found.clock.advance(10)
    end(found, found.start("a/m"), Failed(Failure(FailureClass.CANCELLED, ""), None))
    assert row(found).state is TargetState.HALF_OPEN


def test_what_was_measured_survives_a_reload() -> None:
    """Circuits, counts, averages and an operator's switch stay; a target that left comes back with its figures."""
    found = parts()
    end(found, found.start("a/m"))
    failing(found, FailureClass.OVERLOADED, times=5)
    switch(found, "a/n", TargetState.DISABLED, "too dear")
    found.table.apply_catalogue(catalogue(spec("b/m"), version="2"))
    assert list(found.table.snapshot().targets) == ["b/m"]
    found.table.apply_catalogue(found.catalogue)
    assert row(found).state is TargetState.CIRCUIT_OPEN
    assert row(found).attempts == 6
    assert row(found, "a/n").state_reason == "too dear"


def test_an_attempt_on_a_target_that_a_reload_removed_still_settles() -> None:
    """Nothing in flight is lost, and in flight returns to zero."""
    found = parts()
    attempt = found.start("a/m")
    found.table.apply_catalogue(catalogue(spec("b/m"), version="2"))
    end(found, attempt)
    assert attempt.record is not None
    found.table.apply_catalogue(found.catalogue)
    assert row(found).in_flight == 0


def test_a_backend_may_bound_its_attempts() -> None:
    """The bound holds over all its targets and is told as a lack of capacity."""
    bounded = BackendPolicy("a", "openai_wire", "openai", max_concurrency=1)
    found = Parts(catalogue(spec("a/m"), spec("a/n"), backends=(bounded,)))
    found.link.attach(hello(models=("m", "n")), KeptLink(), "peer")
    attempt = found.start("a/m")
    assert refused(found, "a/n").at_capacity
    assert row(found).capacity == 1
    end(found, attempt)
    found.start("a/n")


def test_confidential_work_is_refused_below_its_clearance() -> None:
    """The claim looks at the state of that moment, whatever was planned."""
    assert "internal requests at most" in refused(parts(), sensitivity=Sensitivity.CONFIDENTIAL).reason


@pytest.mark.parametrize("state", [TargetState.DISABLED, TargetState.DRAINING])
def test_an_operator_switches_a_target_or_a_backend(state: TargetState) -> None:
    """It takes nothing new; switched on again it does."""
    found = parts()
    assert found.table.targets_named("a") == ("a/m", "a/n")
    switch(found, "a", state)
    assert refused(found).reason == f"a/m is {state.label}: {state.label} by an operator"
    switch(found, "a/m", TargetState.READY)
    found.start("a/m")
    assert row(found, "a/n").state is state


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    """Switches and reports name what there is."""
    with pytest.raises(NotFound, match=r'no target or backend "a/k"\. Did you mean .*"a/m"'):
        parts().table.targets_named("a/k")
    with pytest.raises(NotFound):
        parts().table.report_quality("a/k", 0.5)
    with pytest.raises(ValueError, match="between 0 and 1"):
        parts().table.report_quality("a/m", 1.5)


def test_a_worker_that_is_not_configured_says_so_for_all_its_targets() -> None:
    """Even where it could not list its models."""
    found = Parts(catalogue(spec("a/m")))
    reason = "OPENAI_API_KEY is not set"
    unready = hello(models=(), state=WorkerState.NOT_CONFIGURED, state_reason=reason)
    session = found.link.attach(unready, KeptLink(), "peer")
    assert (row(found).state, row(found).state_reason) == (TargetState.NOT_CONFIGURED, reason)
    found.link.models_changed(session, (ModelReport("m"),))
    found.link.heartbeat(session, WorkerHeartbeat(1))
    assert row(found).state is TargetState.READY


def test_one_ready_worker_makes_a_target_ready() -> None:
    """A draining and a suspect neighbour do not take it away; the sums go over all that have the model."""
    found = parts()
    session = found.link.attach(hello("w3", capacity=2), KeptLink(), "peer")
    found.link.heartbeat(session, WorkerHeartbeat(1, in_flight=3, queued=1, resident_models=frozenset({"m"})))
    found.link.draining(next(iter(found.sessions)), "leaving")
    view = row(found)
    assert view.state is TargetState.READY
    assert (view.workers, view.capacity, view.reported_in_flight, view.queued, view.resident) == (2, 6, 3, 1, True)
    assert row(found, "a/n").state is TargetState.DRAINING


def test_a_heartbeat_does_not_end_draining() -> None:
    """A worker that said it leaves does not come back by reporting itself ready."""
    found = parts()
    session = next(iter(found.sessions))
    found.link.draining(session, "")
    found.link.heartbeat(session, WorkerHeartbeat(1))
    assert row(found).state is TargetState.DRAINING
    assert "is draining" in refused(found).reason


def test_models_that_are_not_configured_are_ignored_and_named(caplog: pytest.LogCaptureFixture) -> None:
    """They do not become targets, cannot be cooled down, and the log says which they are."""
    caplog.set_level(logging.INFO)
    found = Parts(catalogue(spec("a/m")))
    session = found.link.attach(hello(models=("m", "secret")), KeptLink(), "peer")
    found.link.cool_down(session, "secret", 60, "told so")
    assert list(found.table.snapshot().targets) == ["a/m"]
    assert "does not list: secret" in caplog.text


def test_what_is_left_of_the_providers_limit_is_shown() -> None:
    """The scarcer of requests and tokens."""
    found = parts()
    limit = RateLimitStatus(remaining_requests=50, limit_requests=100, remaining_tokens=10, limit_tokens=100)
    found.link.heartbeat(next(iter(found.sessions)), WorkerHeartbeat(1, rate_limit=limit))
    assert row(found).rate_limit_left == 0.1


def test_discovered_models_come_and_go_with_what_workers_report() -> None:
    """Where the configuration allows it; while no worker is attached they stay, detached."""
    found = Parts(catalogue(backends=(DISCOVERING,)))
    session = found.link.attach(hello(models=("llama", "qwen")), KeptLink(), "peer")
    assert list(found.table.snapshot().targets) == ["a/llama", "a/qwen"]
    found.link.models_changed(session, (ModelReport("qwen"),))
    assert list(found.table.snapshot().targets) == ["a/qwen"]
    found.link.detach(session, "gone")
    assert row(found, "a/qwen").state is TargetState.DETACHED


def test_a_snapshot_does_not_change_and_shares_what_did_not() -> None:
    """An older snapshot keeps its rows; rows of untouched targets are the same objects in the next."""
    found = parts()
    before = found.table.snapshot()
    found.start("a/m")
    after = found.table.snapshot()
    assert before.targets["a/m"].in_flight == 0
    assert after.targets["a/m"].in_flight == 1
    assert after.targets["b/m"] is before.targets["b/m"]
    assert list(after.targets) == ["a/m", "a/n", "b/m"]


def test_figures_fade_in_the_snapshot_although_nothing_happens() -> None:
    """A row is made anew when time changes it."""
    found = parts()
    failing(found, FailureClass.OVERLOADED)
    assert row(found).metrics.success_rate == 0
    found.clock.advance(3_600)
    assert (row(found).metrics.success_rate or 0) > 0.9


def test_a_target_that_was_away_still_wakes_up_in_time() -> None:
    """A circuit whose time ran out while its target was not configured is half open when it returns, and later."""
    found = parts()
    failing(found, FailureClass.OVERLOADED, times=5)
    found.table.apply_catalogue(catalogue(spec("b/m"), version="2"))
    found.clock.advance(30)
    found.table.snapshot()
    found.table.apply_catalogue(found.catalogue)
    assert row(found).state is TargetState.HALF_OPEN
    end(found, found.start("a/m"), Failed(Failure(FailureClass.OVERLOADED, ""), None))
    assert row(found).state is TargetState.CIRCUIT_OPEN
    found.clock.advance(20)
    assert row(found).state is TargetState.HALF_OPEN


def test_measurements_are_saved_and_restored() -> None:
    """A later process begins with them, also for targets that only a worker's hello brings."""
    first = Parts(catalogue(backends=(DISCOVERING,)))
    first.link.attach(hello(), KeptLink(), "peer")
    failing_spec = first.table.snapshot().targets["a/m"].spec
    attempt = first.registry.start(order(first.clock, failing_spec))
    assert isinstance(attempt, Attempt)
    end(first, attempt)
    second = Parts(catalogue(backends=(DISCOVERING,)))
    second.table.restore(first.table.export())
    second.link.attach(hello(), KeptLink(), "peer")
    assert row(second).metrics.samples == 1


async def test_watchers_are_woken_once_for_many_changes() -> None:
    """What happens while nobody looks is one change; without one the watcher sleeps."""
    found = parts()
    with found.table.watch() as changes:
        found.start("a/m")
        found.start("a/m")
        async with asyncio.timeout(1):
            await changes.wait()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await changes.wait()


def test_a_ready_row_tells_that_its_model_is_retired() -> None:
    """No call gets there from the day after, which the row says by itself; one that is not ready has its own reason."""
    last = date(2026, 1, 2)
    found = Parts(
        catalogue(
            spec("a/m", retires_on=last, successor="a/n"),
            spec("a/n", retires_on=date.max),
            spec("b/m", retires_on=last),
        )
    )
    found.link.attach(hello(models=("m", "n")), KeptLink(), "peer")
    assert (row(found).state, row(found).state_reason) == (TargetState.READY, "")
    found.clock.advance(2 * 86_400 - 1)
    assert row(found).state_reason == ""
    found.clock.advance(1)
    assert (row(found).state, row(found).state_reason) == (TargetState.READY, "retired on 2026-01-02, use a/n")
    assert (row(found, "a/n").state_reason, row(found, "b/m").state) == ("", TargetState.DETACHED)
    assert row(found, "b/m").state_reason == 'no worker of backend "b" is attached'


def test_impatient_callers_open_no_circuit() -> None:
    """Their deadline ends what would have been answered: neither the circuit nor the figures know of it."""
    router = parts()
    failing(router, FailureClass.TIMEOUT_FIRST_TOKEN, 10, hurried=True)
    failing(router, FailureClass.TIMEOUT_TOTAL, 10)
    assert row(router).state is TargetState.READY
    assert row(router).metrics.samples == 0
    assert row(router).last_error == "timeout_total"


def test_a_target_that_is_silent_for_long_is_to_blame() -> None:
    """Also where it was its callers' deadline that ended the wait; one that was answering is not."""
    router = parts()
    for _ in range(5):
        attempt = router.start("a/m")
        router.clock.advance(LONG_SILENCE)
        end(router, attempt, Failed(Failure(FailureClass.TIMEOUT_TOTAL, "no answer"), None))
    assert row(router).state is TargetState.CIRCUIT_OPEN
    for _ in range(5):
        attempt = router.start("b/m")
        session = next(s for s in router.sessions if attempt.attempt_id in s.attempts)
        router.link.deliver(session, attempt.attempt_id, TextDelta("slowly"))
        router.clock.advance(LONG_SILENCE)
        end(router, attempt, Failed(Failure(FailureClass.TIMEOUT_TOTAL, "not done"), None))
    assert row(router, "b/m").state is TargetState.READY
