"""Attempts from start to settlement: exactly once, whatever happens in whatever order."""

import asyncio
from collections import Counter

import pytest
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule

from router_service.contracts.dispatch import AttemptOrder, Refusal
from router_service.dispatch.attempt import Attempt
from router_service.dispatch.link import WorkerLink
from router_service.dispatch.registry import UnknownAttempt
from router_service.dispatch.sessions import WorkerSession
from router_service.domain.attempt import Answer, Failure, Usage
from router_service.domain.events import ReasoningDelta, TextDelta, ToolCallDelta
from router_service.domain.signals import AttemptSignal, Failed, Finished, PullProgressed, Responded
from router_service.domain.worker import WorkerHeartbeat
from service_common.deadline import Deadline
from service_common.failures import FailureClass
from service_common.tokens import Family, estimate_text, family_of
from service_common.vocabulary import FinishReason
from tests.support.fakes import KeptLink, KeptRecording
from tests.support.link_parts import Parts, catalogue, hello, order, spec

DONE = Finished(Answer(FinishReason.STOP), Usage(10, 20))
GONE = Failure(FailureClass.CANCELLED, "the caller went away")


def attached() -> tuple[Parts, WorkerSession, KeptLink]:
    """A router with one target and one worker."""
    parts = Parts(catalogue(spec("a/m")))
    link = KeptLink()
    return parts, parts.link.attach(hello(), link, "peer"), link


def usage_of(attempt: Attempt) -> Usage:
    """What the settled attempt used."""
    assert attempt.record is not None
    return attempt.record.outcome.usage


def test_nothing_is_claimed_where_no_worker_is_attached() -> None:
    """The refusal says so."""
    parts = Parts(catalogue(spec("a/m")))
    refusal = parts.registry.start(order(parts.clock, parts.catalogue.targets["a/m"]))
    assert refusal == Refusal('no worker of backend "a" is attached')
    assert parts.table.snapshot().targets["a/m"].in_flight == 0


def test_an_attempt_that_cannot_be_sent_gives_its_slot_back() -> None:
    """Nothing stays in flight; what was wrong is raised, and the target did not fail."""

    class Unable(KeptLink):
        def send_dispatch(self, attempt_id: int, order: AttemptOrder, credit: int) -> None:
            raise ValueError("Duration is not valid")

    parts = Parts(catalogue(spec("a/m")))
    session = parts.link.attach(hello(), Unable(), "peer")
    for _ in range(3):
        with pytest.raises(ValueError, match="Duration"):
            parts.registry.start(order(parts.clock, parts.catalogue.targets["a/m"]))
    view = parts.table.snapshot().targets["a/m"]
    assert (session.in_flight, view.in_flight, view.state.name) == (0, 0, "READY")
    assert {record.outcome.cost for record in parts.kept.records} == {0}


def test_an_attempt_is_told_to_everybody_once() -> None:
    """Recording and observers get the same record, and a second last word changes nothing."""
    parts, session, _ = attached()
    recording = KeptRecording()
    attempt = parts.start("a/m", recording=recording)
    parts.link.deliver(session, attempt.attempt_id, DONE)
    parts.link.deliver(session, attempt.attempt_id, Failed(GONE, None))
    parts.link.deliver(session, attempt.attempt_id, TextDelta("late"))
    parts.link.detach(session, "gone")
    assert recording.records == parts.kept.records == [attempt.record]


def test_an_observer_that_fails_does_not_keep_the_others_from_hearing(caplog: pytest.LogCaptureFixture) -> None:
    """The failure is logged, the attempt settles, the session lives."""

    class Broken(KeptRecording):
        def settled(self, record: object) -> None:
            raise OSError("disk full")

    parts, session, _ = attached()
    attempt = parts.start("a/m", recording=Broken())
    parts.link.deliver(session, attempt.attempt_id, DONE)
    assert parts.kept.records == [attempt.record]
    assert "disk full" in caplog.text


async def test_text_that_waits_is_joined() -> None:
    """Adjacent pieces of one kind become one; kinds and tool calls keep their order."""
    parts, session, _ = attached()
    attempt = parts.start("a/m")
    pieces: list[AttemptSignal] = [
        *[TextDelta(letter) for letter in "ab" * 400],
        ReasoningDelta("c"),
        ReasoningDelta("d"),
        ToolCallDelta(0, "id", "f", "{"),
        ToolCallDelta(0, "", "", "}"),
        ToolCallDelta(1, "id2", "g", "{}"),
        Usage(1, 1),
        Usage(1, 2),
        PullProgressed("layers", 1, 9),
        PullProgressed("layers", 9, 9),
        PullProgressed("success", 9, 9),
        TextDelta("e"),
    ]
    for piece in pieces:
        parts.link.deliver(session, attempt.attempt_id, piece)
    assert await attempt.read() == [
        TextDelta("ab" * 400),
        ReasoningDelta("cd"),
        ToolCallDelta(0, "id", "f", "{}"),
        ToolCallDelta(1, "id2", "g", "{}"),
        Usage(1, 2),
        PullProgressed("layers", 9, 9),
        PullProgressed("success", 9, 9),
        TextDelta("e"),
    ]


async def test_a_cancelled_read_loses_nothing() -> None:
    """A timer that fires while the reader waits leaves what comes next for the next read."""
    parts, session, _ = attached()
    attempt = parts.start("a/m")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await attempt.read()
    parts.link.deliver(session, attempt.attempt_id, Responded(200))
    assert await attempt.read() == [Responded(200)]


async def test_only_one_reads() -> None:
    """A second reader is a mistake and is told so."""
    parts, _, _ = attached()
    attempt = parts.start("a/m")
    first = asyncio.create_task(attempt.read())
    await asyncio.sleep(0)
    with pytest.raises(RuntimeError, match="being read already"):
        await attempt.read()
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)


def test_a_cancelled_attempt_waits_for_the_workers_last_word() -> None:
    """Its usage counts; the slot is taken until then."""
    parts, session, link = attached()
    attempt = parts.start("a/m")
    attempt.cancel(GONE)
    attempt.cancel(Failure(FailureClass.TIMEOUT_TOTAL, "again"))
    assert link.cancelled == [(attempt.attempt_id, "the caller went away")]
    assert parts.registry.in_flight == 1
    parts.link.deliver(session, attempt.attempt_id, Failed(Failure(FailureClass.CANCELLED, ""), Usage(90, 7)))
    assert usage_of(attempt) == Usage(90, 7)
    assert attempt.cancel(GONE) is attempt.record


def test_a_cancelled_attempt_settles_with_an_estimate_when_the_worker_is_silent() -> None:
    """After the grace: the prompt's estimate, and that of the text that came, to the last piece."""
    parts, session, _ = attached()
    attempt = parts.start("a/m")
    parts.link.deliver(session, attempt.attempt_id, TextDelta("An arch carries "))
    attempt.cancel(GONE)
    parts.link.deliver(session, attempt.attempt_id, TextDelta("its load to the ground."))
    parts.clock.advance(2.9)
    parts.registry.settle_overdue()
    assert parts.registry.in_flight == 1
    parts.clock.advance(0.1)
    parts.registry.settle_overdue()
    tokens = estimate_text("An arch carries its load to the ground.", Family.DEFAULT)
    assert usage_of(attempt) == Usage(100, tokens, estimated=True)
    assert attempt.record is not None
    assert attempt.record.outcome.cost == 100 + 2 * tokens
    assert parts.registry.in_flight == 0


CHINESE = "桥梁把荷载传到地基。" * 108


@pytest.mark.parametrize("model", ["llama3.1:8b", "gpt-4o"])
def test_the_output_of_a_cut_answer_is_estimated_as_its_model_counts_it(model: str) -> None:
    """By its text, piece by piece, reasoning and calls among it; of a long one by its beginning."""
    parts = Parts(catalogue(spec(f"a/{model}")))
    session = parts.link.attach(hello(models=(model,)), KeptLink(), "peer")

    def output(*pieces: str) -> int:
        attempt = parts.start(f"a/{model}")
        for position, piece in enumerate(pieces):
            deltas = TextDelta(piece), ReasoningDelta(piece), ToolCallDelta(0, "", "", piece)
            parts.link.deliver(session, attempt.attempt_id, deltas[position % 3])
        parts.link.deliver(session, attempt.attempt_id, Failed(Failure(FailureClass.STREAM_BROKEN, ""), None))
        return usage_of(attempt).output_tokens

    expected = estimate_text(CHINESE, family_of(model))
    assert expected > 800
    assert output(CHINESE) == expected
    assert output(*CHINESE) == expected
    assert output(*[CHINESE] * 20) == pytest.approx(20 * expected, rel=0.02)


def test_a_timeout_that_the_router_saw_first_is_recorded_as_one() -> None:
    """The worker's word that it stopped does not make it a cancellation, and the circuit counts it."""
    parts, session, _ = attached()
    for _ in range(5):
        attempt = parts.start("a/m")
        attempt.cancel(Failure(FailureClass.TIMEOUT_FIRST_TOKEN, "no token within 10 s"))
        parts.link.deliver(session, attempt.attempt_id, Failed(Failure(FailureClass.CANCELLED, ""), None))
    assert attempt.record is not None
    assert attempt.record.outcome.failure is not None
    assert attempt.record.outcome.failure.failure_class is FailureClass.TIMEOUT_FIRST_TOKEN
    assert parts.table.snapshot().targets["a/m"].available_at is not None


def test_an_answer_that_is_whole_before_the_cancel_arrives_is_a_success() -> None:
    """The race is settled by what the worker did, not by what was wished."""
    parts, session, _ = attached()
    attempt = parts.start("a/m")
    attempt.cancel(GONE)
    parts.link.deliver(session, attempt.attempt_id, DONE)
    assert attempt.record is not None
    assert attempt.record.outcome.succeeded


def test_what_the_provider_turned_away_used_no_tokens() -> None:
    """A rate limit before the first token costs nothing; a stream that broke later costs what came."""
    parts, session, _ = attached()
    turned_away, broken = parts.start("a/m"), parts.start("a/m")
    parts.link.deliver(session, turned_away.attempt_id, Failed(Failure(FailureClass.OVERLOADED, ""), None))
    parts.link.deliver(session, broken.attempt_id, TextDelta("An arch"))
    parts.link.deliver(session, broken.attempt_id, Failed(Failure(FailureClass.STREAM_BROKEN, ""), None))
    assert usage_of(turned_away) == Usage(estimated=True)
    assert usage_of(broken) == Usage(100, 2, estimated=True)


def test_a_refused_prompt_used_no_tokens() -> None:
    """A content filter that refuses a prompt by a status costs nothing; one that withheld an answer may."""
    parts, session, _ = attached()
    refused, withheld = parts.start("a/m"), parts.start("a/m")
    filtered = Failure(FailureClass.CONTENT_FILTERED, "", http_status=400)
    parts.link.deliver(session, refused.attempt_id, Failed(filtered, None))
    parts.link.deliver(session, withheld.attempt_id, Failed(Failure(FailureClass.CONTENT_FILTERED, ""), None))
    assert usage_of(refused) == Usage(estimated=True)
    assert usage_of(withheld) == Usage(100, estimated=True)


def test_an_attempt_that_nobody_ends_is_cancelled_after_its_deadline() -> None:
    """Whoever should have done so: nothing runs for ever."""
    parts, _, link = attached()
    attempt = parts.start("a/m", deadline=Deadline.after(parts.clock, 5))
    parts.clock.advance(6.9)
    parts.registry.settle_overdue()
    assert not link.cancelled
    parts.clock.advance(0.2)
    parts.registry.settle_overdue()
    assert link.cancelled == [(attempt.attempt_id, "the attempt's time was used up")]


def test_a_body_belongs_to_its_session() -> None:
    """Neither another session nor a settled attempt gives it out; results are bound to it in the same way."""
    parts, session, _ = attached()
    attempt = parts.start("a/m", body=b"x")
    assert parts.registry.body(session.session_id, attempt.attempt_id) == b"x"
    with pytest.raises(UnknownAttempt):
        parts.registry.body("other", attempt.attempt_id)
    parts.registry.append_result(session.session_id, attempt.attempt_id, b"abc")
    parts.link.deliver(session, attempt.attempt_id, DONE)
    assert parts.registry.take_result(attempt.attempt_id) is None
    with pytest.raises(UnknownAttempt):
        parts.registry.append_result(session.session_id, attempt.attempt_id, b"d")


class AnyOrder(RuleBasedStateMachine):
    """Starts, events, duplicates, cancels, losses, silence and reloads in any order."""

    attempts: Bundle[Attempt] = Bundle("attempts")

    def __init__(self) -> None:
        """Two targets of two backends."""
        super().__init__()
        self.parts = Parts(catalogue(spec("a/m"), spec("b/m")))
        self.link: WorkerLink = self.parts.link
        self.started: list[Attempt] = []
        self.ever: list[WorkerSession] = []

    @rule(worker=st.sampled_from(["w1", "w2"]), backend=st.sampled_from(["a", "b"]))
    def attach(self, worker: str, backend: str) -> None:
        """A worker attaches, perhaps again."""
        self.ever.append(self.link.attach(hello(worker, backend, capacity=3), KeptLink(), "peer"))

    @rule(target=attempts, name=st.sampled_from(["a/m", "b/m"]))
    def start(self, name: str) -> Attempt:
        """An attempt, where one can be had."""
        attempt = self.parts.registry.start(order(self.parts.clock, self.parts.catalogue.targets[name]))
        if isinstance(attempt, Refusal):
            self.attach("w1", name[0])
            self.parts.table.apply_catalogue(self.parts.catalogue)
            self.parts.clock.advance(120)
            for session in self.parts.sessions:
                self.link.heartbeat(session, WorkerHeartbeat(session.report.last.sequence + 1))
            attempt = self.parts.registry.start(order(self.parts.clock, self.parts.catalogue.targets[name]))
        assert isinstance(attempt, Attempt), attempt
        self.started.append(attempt)
        return attempt

    @rule(
        attempt=attempts,
        which=st.integers(0, 9),
        signal=st.sampled_from(
            [TextDelta("x" * 30_000), Responded(200), DONE, Failed(Failure(FailureClass.OVERLOADED, ""), None)]
        ),
    )
    def speak(self, attempt: Attempt, which: int, signal: TextDelta | Responded | Finished | Failed) -> None:
        """Any session, living or lost, says something of any attempt."""
        if self.ever:
            self.link.deliver(self.ever[which % len(self.ever)], attempt.attempt_id, signal)

    @rule(attempt=attempts, failure_class=st.sampled_from([FailureClass.CANCELLED, FailureClass.TIMEOUT_IDLE]))
    def cancel(self, attempt: Attempt, failure_class: FailureClass) -> None:
        """Somebody does not wait any more."""
        known = attempt.cancel(Failure(failure_class, ""))
        assert known.target == attempt.order.spec.name

    @rule(which=st.integers(0, 9))
    def lose(self, which: int) -> None:
        """A stream breaks, perhaps a second time."""
        if self.ever:
            self.link.detach(self.ever[which % len(self.ever)], "gone")

    @rule(seconds=st.floats(0.1, 40))
    def wait(self, seconds: float) -> None:
        """Time passes in small steps, and silence is looked for."""
        self.parts.clock.advance(seconds)
        self.link.check()
        self.parts.clock.advance(0.25)
        self.link.check()

    @rule()
    def reload(self) -> None:
        """One backend leaves the configuration and comes back."""
        self.parts.table.apply_catalogue(catalogue(spec("b/m"), version="2"))
        self.parts.table.apply_catalogue(self.parts.catalogue)

    @invariant()
    def in_flight_is_what_has_not_settled(self) -> None:
        """Registry and table agree with the attempts themselves; no session exceeds its capacity."""
        running = Counter(attempt.order.spec.name for attempt in self.started if attempt.record is None)
        rows = self.parts.table.snapshot().targets
        assert {name: row.in_flight for name, row in rows.items()} == {name: running[name] for name in rows}
        assert self.parts.registry.in_flight == running.total()
        assert all(session.in_flight <= 3 for session in self.parts.sessions)

    @invariant()
    def each_settles_once(self) -> None:
        """One record per settled attempt, for its own recording and for the observers."""
        settled = [attempt for attempt in self.started if attempt.record is not None]
        assert len(self.parts.kept.records) == len(settled)
        for attempt in settled:
            recording = attempt.order.recording
            assert isinstance(recording, KeptRecording)
            assert recording.records == [attempt.record]

    def teardown(self) -> None:
        """When all workers are gone, nothing is in flight."""
        self.link.end("the end")
        assert self.parts.registry.in_flight == 0
        assert all(attempt.record is not None for attempt in self.started)


TestAnyOrder = AnyOrder.TestCase
TestAnyOrder.settings = hypothesis_settings(max_examples=60, stateful_step_count=40, deadline=None)
