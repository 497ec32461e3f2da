"""Limits per minute and of attempts at once: what is given, when more may be, and what is counted."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router_service.contracts.dispatch import Refusal
from router_service.dispatch.attempt import Attempt
from router_service.domain.attempt import Answer, Failure, Usage
from router_service.domain.signals import Failed, Finished
from router_service.domain.target import BackendPolicy, Limits
from router_service.state.limits import WINDOW, LimitBook, Limited, SlidingWindow
from service_common.failures import FailureClass
from service_common.vocabulary import FinishReason
from tests.support.fakes import FakeClock, KeptLink
from tests.support.link_parts import Parts, catalogue, hello, order, spec


def limited_parts(target: Limits | None = None, backend: Limits | None = None) -> Parts:
    """`a/m` and `a/n`, of which `a/m` and their backend have these limits."""
    policy = BackendPolicy("a", "openai_wire", "openai", limits=backend or Limits())
    parts = Parts(catalogue(spec("a/m", limits=target or Limits()), spec("a/n"), backends=(policy,)))
    parts.link.attach(hello(models=("m", "n"), capacity=100), KeptLink(), "peer")
    return parts


def answer(parts: Parts, target: str = "a/m", usage: Usage | None = None, **changes: object) -> Attempt | Refusal:
    """One attempt, answered at once; or the refusal."""
    attempt = parts.registry.start(order(parts.clock, parts.catalogue.targets[target], **changes))
    if isinstance(attempt, Attempt):
        session = next(s for s in parts.sessions if attempt.attempt_id in s.attempts)
        parts.link.deliver(session, attempt.attempt_id, Finished(Answer(FinishReason.STOP), usage or Usage(100, 0)))
    return attempt


def refusal(found: Attempt | Refusal) -> Refusal:
    """It must be one."""
    assert isinstance(found, Refusal)
    return found


def test_requests_per_minute_refuse_and_say_when_to_come_again() -> None:
    """At the limit a claim is refused as a lack of capacity; after the time that it names it goes through."""
    parts = limited_parts(Limits(requests_per_minute=3))
    assert [isinstance(answer(parts), Attempt) for _ in range(4)] == [True, True, True, False]
    told = refusal(answer(parts))
    assert told.at_capacity
    assert "3 requests per minute of a/m" in told.reason
    assert told.retry_after is not None
    parts.clock.advance(told.retry_after - 0.1)
    refusal(answer(parts))
    parts.clock.advance(0.2)
    assert isinstance(answer(parts), Attempt)


def test_a_backends_limit_holds_over_its_targets() -> None:
    """What one model used is gone for the others of that account."""
    parts = limited_parts(backend=Limits(requests_per_minute=2))
    answer(parts, "a/m")
    answer(parts, "a/n")
    assert "of a is reached" in refusal(answer(parts, "a/m")).reason


def test_a_refused_claim_counts_nowhere() -> None:
    """A target at its limit does not use up its backend's."""
    parts = limited_parts(Limits(requests_per_minute=1), Limits(requests_per_minute=2))
    answer(parts, "a/m")
    for _ in range(5):
        refusal(answer(parts, "a/m"))
    assert isinstance(answer(parts, "a/n"), Attempt)


def test_tokens_are_claimed_as_expected_and_corrected_by_the_usage() -> None:
    """An answer longer than expected uses up more; a refused attempt gives its claim back."""
    parts = limited_parts(Limits(tokens_per_minute=1000))
    answer(parts, usage=Usage(100, 800), input_tokens=100, output_tokens=100)
    assert "tokens per minute" in refusal(answer(parts, input_tokens=100, output_tokens=100)).reason
    assert isinstance(answer(parts, input_tokens=50, output_tokens=50), Attempt)
    other = limited_parts(Limits(tokens_per_minute=300))
    attempt = other.start("a/m", input_tokens=200, output_tokens=100)
    session = next(iter(other.sessions))
    other.link.deliver(session, attempt.attempt_id, Failed(Failure(FailureClass.OVERLOADED, "busy"), None))
    assert isinstance(answer(other, input_tokens=200, output_tokens=100), Attempt)


def test_a_request_larger_than_the_limit_passes_when_nothing_else_did() -> None:
    """Else it could never be served."""
    parts = limited_parts(Limits(tokens_per_minute=10))
    assert isinstance(answer(parts, input_tokens=5_000), Attempt)
    refusal(answer(parts, input_tokens=1))


def test_a_target_may_bound_its_attempts_at_once() -> None:
    """The bound is its own: its neighbour of the same backend goes on."""
    parts = limited_parts(Limits(concurrency=1))
    parts.start("a/m")
    assert refusal(answer(parts, "a/m")).at_capacity
    assert isinstance(answer(parts, "a/n"), Attempt)
    assert parts.table.snapshot().targets["a/m"].capacity == 1
    assert parts.table.free_slots("a/m") == 0


@pytest.mark.parametrize(("used", "fits"), [(1_000, 1_800), (11_000, 150)])
def test_a_correction_counts_in_the_minute_of_its_claim(used: int, fits: int) -> None:
    """What was claimed in the last minute makes no room in this one, and takes none beyond its share."""
    parts = limited_parts(Limits(tokens_per_minute=10_000))
    parts.clock.advance(WINDOW - parts.clock.now() % WINDOW + 59)
    first = parts.start("a/m", input_tokens=10_000)
    parts.clock.advance(51)
    parts.start("a/m", input_tokens=8_000)
    last = Finished(Answer(FinishReason.STOP), Usage(used, 0))
    parts.link.deliver(next(iter(parts.sessions)), first.attempt_id, last)
    refusal(answer(parts, input_tokens=fits + 50))
    assert isinstance(answer(parts, input_tokens=fits), Attempt)


def test_what_was_claimed_two_minutes_ago_corrects_nothing() -> None:
    """It has left the window, and its correction with it."""
    parts = limited_parts(Limits(tokens_per_minute=1_000))
    slow = parts.start("a/m", input_tokens=1_000)
    parts.clock.advance(2 * WINDOW)
    parts.start("a/m", input_tokens=1_000)
    parts.link.deliver(next(iter(parts.sessions)), slow.attempt_id, Finished(Answer(FinishReason.STOP), Usage(0, 0)))
    refusal(answer(parts, input_tokens=500))


def test_a_clock_set_back_refuses_nobody() -> None:
    """Where replicas share counts these follow the wall clock, which may jump; the count begins anew then."""
    now = [3_600_030.0]
    book = LimitBook(lambda: now[0])
    limited = (Limited("a/m", Limits(requests_per_minute=1)),)
    assert isinstance(book.claim(limited, 1), int)
    assert isinstance(book.claim(limited, 1), Refusal)
    now[0] -= 3600
    assert isinstance(book.claim(limited, 1), int)


def test_what_other_replicas_used_counts() -> None:
    """A count that was exchanged holds the others' part, also when it has become the previous minute's."""
    clock = FakeClock(1_000 * WINDOW)
    book = LimitBook(clock.now)
    limited = (Limited("a/m", Limits(requests_per_minute=4)),)
    assert isinstance(book.claim(limited, 1), int)
    count, before = book.counts()
    assert (count.key, count.unsent, before.unsent) == ("a/m:requests", 1, 0)
    book.exchanged(count, total=4)
    assert [c.unsent for c in book.counts()] == [0, 0]
    assert isinstance(book.claim(limited, 1), Refusal)
    clock.advance(WINDOW + 1)
    assert isinstance(book.claim(limited, 1), Refusal)
    clock.advance(WINDOW / 2)
    assert isinstance(book.claim(limited, 1), int)


def test_what_is_corrected_after_the_minute_reaches_the_other_replicas() -> None:
    """The last minute's count is exchanged like the current one's, both ways."""
    clock = FakeClock(1_000 * WINDOW)
    book = LimitBook(clock.now)
    limited = (Limited("a", Limits(tokens_per_minute=100)),)
    minute = book.claim(limited, 80)
    assert isinstance(minute, int)
    book.exchanged(next(book.counts()), total=80)
    clock.advance(WINDOW)
    book.correct(("a",), -30, minute)
    current, before = book.counts()
    assert (current.index, current.unsent, before.index, before.unsent) == (minute + 1, 0, minute, -30)
    book.exchanged(before, total=50 + 20)
    assert [count.unsent for count in book.counts()] == [0, 0]
    assert book.claim(limited, 30) == minute + 1
    assert isinstance(book.claim(limited, 1), Refusal)


@given(
    limit=st.integers(1, 50),
    steps=st.lists(st.tuples(st.integers(1, 60), st.floats(0, 90)), min_size=1, max_size=60),
    start=st.floats(0, 1e6),
)
def test_a_wait_is_enough_and_bounded(limit: int, steps: list[tuple[int, float]], start: float) -> None:
    """After the time that a refusal names the claim fits, and no calendar minute gets more than the limit."""
    window, at = SlidingWindow(), start
    given_by_minute: dict[int, int] = {}
    for amount, pause in steps:
        wait = window.wait(amount, limit, at)
        assert 0 <= wait <= 2 * WINDOW
        if wait > 0:
            at += wait + 1e-6 * max(1.0, at)
            assert window.wait(amount, limit, at) == pytest.approx(0, abs=1e-3)
        counted = min(amount, limit)
        if window.wait(amount, limit, at) == 0:
            window.add(counted, at)
            minute = int(at // WINDOW)
            given_by_minute[minute] = given_by_minute.get(minute, 0) + counted
        at += pause
    assert all(count <= limit for count in given_by_minute.values())
