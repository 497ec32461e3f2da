"""Targets that are left alone for a time, or are out until something changes."""

from typing import Any

import pytest
from msgspec.structs import replace

from router_service.contracts.dispatch import Refusal
from router_service.dispatch.attempt import Attempt
from router_service.domain.attempt import Failure
from router_service.domain.signals import Failed
from router_service.domain.worker import ModelReport, WorkerHeartbeat
from service_common.failures import FailureClass
from service_common.vocabulary import ModelMode, Operation, TargetState, WorkerState
from tests.support.fakes import KeptLink
from tests.support.link_parts import hello, order
from tests.support.table import end, failing, parts, row


def test_a_rate_limit_cools_its_target_down_for_as_long_as_told() -> None:
    """Another model of the backend is not concerned, unless the provider says so."""
    found = parts()
    failing(found, FailureClass.RATE_LIMITED, retry_after=12.0)
    assert row(found).state is TargetState.COOLING
    assert row(found).available_at == found.clock.now() + 12
    assert row(found, "a/n").state is TargetState.READY
    found.clock.advance(12)
    assert row(found).state is TargetState.READY
    failing(found, FailureClass.RATE_LIMITED, retry_after=3.0, backend_wide=True)
    assert row(found, "a/n").state is TargetState.COOLING
    assert row(found, "b/m").state is TargetState.READY


@pytest.mark.parametrize("lifted", ["a/m", "a", "b", "b/m"])
@pytest.mark.parametrize("backend_wide", [False, True])
def test_an_operator_lifts_a_cooldown(lifted: str, backend_wide: bool) -> None:
    """Of the target or its backend, whichever is named; another's stays. A provider may ask for nonsense."""
    found = parts()
    failing(found, FailureClass.RATE_LIMITED, retry_after=604_800.0, backend_wide=backend_wide)
    assert row(found).state is TargetState.COOLING
    found.table.bring_back((lifted,))
    assert row(found).state is (TargetState.READY if lifted.startswith("a") else TargetState.COOLING)


@pytest.mark.parametrize("backend_wide", [False, True])
def test_a_change_of_its_configuration_lifts_a_cooldown(backend_wide: bool) -> None:
    """Of the target, or of its backend; any other change leaves it as it is."""
    found = parts()
    failing(found, FailureClass.RATE_LIMITED, retry_after=604_800.0, backend_wide=backend_wide)
    before = found.catalogue
    other = replace(before, targets={**before.targets, "b/m": replace(before.targets["b/m"], quality=0.9)}, version="2")
    found.table.apply_catalogue(other)
    assert row(found).state is TargetState.COOLING
    if backend_wide:
        changed = replace(other, backends={**other.backends, "a": replace(other.backends["a"], region="eu")})
    else:
        changed = replace(other, targets={**other.targets, "a/m": replace(other.targets["a/m"], quality=0.9)})
    found.table.apply_catalogue(changed)
    assert row(found).state is TargetState.READY


def test_a_cooldown_that_a_worker_passes_on() -> None:
    """It holds for the model it names, or for the whole backend."""
    found = parts()
    session = next(iter(found.sessions))
    found.link.cool_down(session, "n", 5.0, "told so")
    assert [row(found, name).state for name in ("a/m", "a/n")] == [TargetState.READY, TargetState.COOLING]
    found.link.cool_down(session, "", 5.0, "told so")
    assert row(found).state is TargetState.COOLING


@pytest.mark.parametrize("backend_wide", [False, True])
@pytest.mark.parametrize("failure_class", FailureClass)
def test_a_providers_words_stay_with_their_call(failure_class: FailureClass, backend_wide: bool) -> None:
    """A provider may quote a prompt in its error: rows and refusals hold the class and the status alone."""
    found = parts()
    quoted = "My secret diagnosis is PATIENTX"
    for _ in range(6):
        attempt = found.registry.start(order(found.clock, found.catalogue.targets["a/m"]))
        if isinstance(attempt, Refusal):
            assert quoted not in attempt.reason
            break
        assert isinstance(attempt, Attempt)
        end(found, attempt, Failed(Failure(failure_class, quoted, 429, 5.0, backend_wide), None))
    assert quoted not in repr(found.table.snapshot()) + repr(found.table.statistics())


@pytest.mark.parametrize("mend", ["configuration", "worker", "probe"])
def test_a_refused_key_takes_the_target_out_until_something_changes(mend: str) -> None:
    """A new configuration, a worker that attaches, or a probe that succeeds brings it back."""
    found = parts()
    failing(found, FailureClass.AUTH, http_status=401)
    assert row(found).state is TargetState.OUT
    assert row(found).state_reason == "auth (401)"
    assert row(found).outage is FailureClass.AUTH
    found.clock.advance(86_400)
    assert row(found).state is TargetState.OUT
    if mend == "configuration":
        found.table.apply_catalogue(found.catalogue)
    elif mend == "worker":
        found.link.attach(hello("w1", models=("m",), epoch=2), KeptLink(), "peer")
    else:
        end(found, found.start("a/m", operation=Operation.PROBE))
        assert row(found).state is TargetState.OUT  # whoever sent it says what its outcome means
        found.table.recover(("a/m",))
    assert row(found).state is TargetState.READY
    assert row(found).outage is None


@pytest.mark.parametrize(
    ("mode", "neighbour"), [(ModelMode.CHAT, TargetState.OUT), (ModelMode.EMBEDDING, TargetState.READY)]
)
def test_calls_that_a_backend_does_not_serve_take_out_those_asked_alike(
    mode: ModelMode, neighbour: TargetState
) -> None:
    """Another model of the same mode would meet the same; one refusal of a model concerns that call alone."""
    found = parts()
    targets = {**found.catalogue.targets, "a/n": replace(found.catalogue.targets["a/n"], mode=mode)}
    found.table.apply_catalogue(replace(found.catalogue, targets=targets, version="2"))
    failing(found, FailureClass.UNSUPPORTED, http_status=404)
    assert row(found).state is TargetState.READY
    failing(found, FailureClass.UNSUPPORTED, http_status=404, backend_wide=True)
    assert [row(found, name).state for name in ("a/m", "a/n")] == [TargetState.OUT, neighbour]
    found.table.recover(("a/m",))
    assert row(found).state is TargetState.READY


def test_an_outage_is_told_with_what_the_worker_remarks() -> None:
    """The class of a failure does not say what to mend; its worker's own words do."""
    found = parts()
    session = next(iter(found.sessions))
    found.link.models_changed(session, (ModelReport("m", doubt="another API answers there"),))
    failing(found, FailureClass.UNSUPPORTED, http_status=404, backend_wide=True)
    assert row(found).state_reason == "unsupported (404); another API answers there"


@pytest.mark.parametrize("named", ["a/m", "a", "a/n"])
@pytest.mark.parametrize("failure_class", [FailureClass.AUTH, FailureClass.QUOTA_EXHAUSTED])
def test_an_operator_brings_back_what_is_out(named: str, failure_class: FailureClass) -> None:
    """Who corrected the key or paid need not wait for a probe, which not every provider has for free."""
    found = parts()
    failing(found, failure_class, http_status=401)
    found.table.bring_back((named,))
    assert row(found).state is (TargetState.OUT if named == "a/n" else TargetState.READY)


def test_an_operator_has_the_next_call_probe_an_open_circuit() -> None:
    """However long it was to stay open."""
    found = parts()
    while row(found).state is TargetState.READY:
        failing(found, FailureClass.UNAVAILABLE)
    assert row(found).state is TargetState.CIRCUIT_OPEN
    found.table.bring_back(("a",))
    assert row(found).state is TargetState.HALF_OPEN


@pytest.mark.parametrize("failure", [FailureClass.QUOTA_EXHAUSTED, None])
def test_a_worker_says_which_failure_ails_it(failure: FailureClass | None) -> None:
    """In its hello and its heartbeats, beside the words for a person, which may be any."""
    found = parts()
    ill: dict[str, Any] = {"state": WorkerState.UNHEALTHY, "state_reason": "auth: no", "state_failure": failure}
    session = found.link.attach(hello("w1", models=("m",), epoch=2, **ill), KeptLink(), "peer")
    assert (row(found).state, row(found).outage) == (TargetState.OUT, failure)
    found.link.heartbeat(session, WorkerHeartbeat(sequence=1))
    assert (row(found).state, row(found).outage) == (TargetState.READY, None)
    found.link.heartbeat(session, WorkerHeartbeat(sequence=2, **ill))
    assert (row(found).state, row(found).outage) == (TargetState.OUT, failure)
