"""The circuit breaker: when it opens, who may probe, when it closes."""

from router_service.state.circuit import CircuitBreaker, CircuitState
from tests.support.settings import circuit_settings


def breaker() -> CircuitBreaker:
    """One with the default settings."""
    return CircuitBreaker(circuit_settings())


def fail(circuit: CircuitBreaker, times: int, now: float = 0.0) -> None:
    """So many failures in a row."""
    for _ in range(times):
        circuit.failed(now, probe=False)


def test_opens_after_five_failures_in_a_row() -> None:
    """Four leave it closed, the fifth opens it for ten seconds."""
    circuit = breaker()
    fail(circuit, 4)
    assert circuit.state(0) is CircuitState.CLOSED
    fail(circuit, 1)
    assert circuit.state(9.9) is CircuitState.OPEN
    assert circuit.open_until == 10
    assert circuit.state(10) is CircuitState.HALF_OPEN


def test_a_success_ends_the_row() -> None:
    """Four failures, a success and four failures leave it closed."""
    circuit = breaker()
    fail(circuit, 4)
    circuit.succeeded(probe=False)
    fail(circuit, 4)
    assert circuit.state(0) is CircuitState.CLOSED


def test_opens_when_half_of_a_full_window_failed() -> None:
    """Alternating outcomes open it with the twentieth, never before."""
    circuit = breaker()
    for count in range(1, 21):
        if count % 2:
            circuit.succeeded(probe=False)
        else:
            circuit.failed(0, probe=False)
        assert (circuit.state(0) is CircuitState.OPEN) == (count == 20)


def test_only_one_probe_is_let_through() -> None:
    """The second claim fails until the first probe is settled."""
    circuit = breaker()
    fail(circuit, 5)
    assert not circuit.claim_probe(5)
    assert circuit.claim_probe(10)
    assert not circuit.claim_probe(10)
    assert circuit.state(10) is CircuitState.PROBING


def test_a_probe_that_fails_doubles_the_wait_up_to_a_minute() -> None:
    """10, 20, 40, 60, 60 seconds; a success starts again at 10."""
    circuit = breaker()
    fail(circuit, 5)
    now = 0.0
    waits = []
    for _ in range(5):
        assert circuit.open_until is not None
        waits.append(circuit.open_until - now)
        now = circuit.open_until
        assert circuit.claim_probe(now)
        circuit.failed(now, probe=True)
    assert waits == [10, 20, 40, 60, 60]
    now += 60
    assert circuit.claim_probe(now)
    circuit.succeeded(probe=True)
    assert circuit.state(now) is CircuitState.CLOSED
    fail(circuit, 5, now)
    assert circuit.open_until == now + 10


def test_an_abandoned_probe_may_be_taken_again() -> None:
    """A probe whose caller went away tells nothing about the target."""
    circuit = breaker()
    fail(circuit, 5)
    assert circuit.claim_probe(10)
    circuit.abandoned(probe=True)
    assert circuit.claim_probe(10)


def test_attempts_from_before_do_not_move_an_open_circuit() -> None:
    """Late failures do not prolong it and late successes do not close it: only the probe decides."""
    circuit = breaker()
    fail(circuit, 5)
    circuit.failed(9, probe=False)
    assert circuit.open_until == 10
    circuit.succeeded(probe=False)
    assert circuit.state(9) is CircuitState.OPEN


def test_a_circuit_that_closed_has_forgotten_what_was() -> None:
    """After a successful probe it takes five failures again, and the first wait is the short one again."""
    circuit = CircuitBreaker(circuit_settings())
    for _ in range(5):
        circuit.failed(0.0, probe=False)
    assert circuit.claim_probe(10.0)
    circuit.failed(10.0, probe=True)
    assert circuit.open_until == 30.0
    assert circuit.claim_probe(30.0)
    circuit.succeeded(probe=True)
    assert (circuit.state(30.0), circuit.failures_in_row) == (CircuitState.CLOSED, 0)
    for _ in range(4):
        circuit.failed(31.0, probe=False)
    assert circuit.state(31.0) is CircuitState.CLOSED
    circuit.failed(31.0, probe=False)
    assert circuit.open_until == 41.0


def test_successes_count_in_the_window() -> None:
    """Ten failures among twenty outcomes open it; nine do not."""
    for failures, state in ((9, CircuitState.CLOSED), (10, CircuitState.OPEN)):
        circuit = CircuitBreaker(circuit_settings(failures_in_row=100))
        for _ in range(20 - failures):
            circuit.succeeded(probe=False)
        for _ in range(failures):
            circuit.failed(0.0, probe=False)
        assert circuit.state(0.0) is state


def test_an_abandoned_attempt_that_was_no_probe_changes_nothing() -> None:
    """A probe under way stays the only one."""
    circuit = CircuitBreaker(circuit_settings(failures_in_row=1))
    circuit.failed(0.0, probe=False)
    assert circuit.claim_probe(10.0)
    circuit.abandoned(probe=False)
    assert circuit.state(10.0) is CircuitState.PROBING
    assert circuit.open_until is None
    assert not circuit.claim_probe(10.0)


def test_other_settings_keep_what_was_counted() -> None:
    """A shorter window keeps the newest outcomes; an open circuit keeps its time, and its next wait obeys the bound."""
    circuit = CircuitBreaker(circuit_settings(failures_in_row=100, window=4))
    for outcome in (True, True, False, False):
        circuit.failed(0.0, probe=False) if not outcome else circuit.succeeded(probe=False)
    assert circuit.open_until == 10.0
    circuit.follow(circuit_settings(failures_in_row=100, window=2, open_for_max=12.0))
    assert circuit.open_until == 10.0
    assert circuit.claim_probe(10.0)
    circuit.failed(10.0, probe=True)
    assert circuit.open_until == 22.0
