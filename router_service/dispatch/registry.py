"""Owns every attempt from its start to its settlement, whoever is listening: each settles exactly once."""

import itertools
import logging
from collections.abc import Iterator, Sequence

from msgspec import Struct
from msgspec.structs import replace

from router_service.contracts.dispatch import AttemptOrder, Refusal
from router_service.contracts.link import AttemptGate
from router_service.contracts.recording import AttemptObserver
from router_service.dispatch.attempt import Attempt
from router_service.dispatch.bodies import UploadStore
from router_service.dispatch.credit import CREDIT_WINDOW
from router_service.dispatch.sessions import SessionDirectory, WorkerSession
from router_service.domain.attempt import AttemptRecord, Failure
from router_service.domain.signals import AttemptSignal, Failed, Finished
from service_common.clock import Clock
from service_common.failures import FailureClass

logger = logging.getLogger(__name__)

NOT_SENT = Failure(FailureClass.REFUSED_BY_WORKER, "the request could not be put into a message to the worker")


class RegistrySettings(Struct, frozen=True):
    """Times in seconds.

    Attributes:
        cancel_grace: how long a cancelled attempt waits for the worker's last word, which holds the true usage.
        overtime: how long past its deadline an attempt may go on before it is cancelled, whoever should have done so.
    """

    cancel_grace: float = 3.0
    overtime: float = 2.0


class UnknownAttempt(Exception):
    """A worker speaks of an attempt that it does not have (any more)."""


class AttemptRegistry:
    """Implements `Dispatcher`. Settles an attempt by the worker's last word, its session's loss, or after a cancel.

    In flight is what the sessions' dictionaries hold, so it cannot go negative, and settling is what takes an attempt
    out, so it cannot leak.
    """

    def __init__(
        self,
        clock: Clock,
        sessions: SessionDirectory,
        gate: AttemptGate,
        observers: Sequence[AttemptObserver] = (),
        settings: RegistrySettings | None = None,
    ) -> None:
        """Take the neighbours: `gate` lets attempts through, `observers` are told of each settled one."""
        self._clock = clock
        self._sessions = sessions
        self._gate = gate
        self._observers = tuple(observers)
        self._settings = settings or RegistrySettings()
        self._uploads = UploadStore()
        self._ids = itertools.count(1)

    @property
    def in_flight(self) -> int:
        """Attempts that have not settled."""
        return sum(session.in_flight for session in self._sessions)

    def start(self, order: AttemptOrder) -> Attempt | Refusal:
        """See `Dispatcher.start`. An order that cannot be put into a frame leaves no slot taken, and raises."""
        session = self._sessions.choose(order)
        if isinstance(session, Refusal):
            return session
        claim = self._gate.claim(order)
        if isinstance(claim, Refusal):
            return claim
        now = (self._clock.now(), self._clock.wall())
        attempt = Attempt(next(self._ids), order, session.home, claim, now, self._cancel)
        session.attempts[attempt.attempt_id] = attempt
        session.dispatched += 1
        try:
            session.link.send_dispatch(attempt.attempt_id, order, CREDIT_WINDOW)
        except Exception:
            self._settle(attempt, Failed(NOT_SENT, None))
            raise
        return attempt

    def deliver(self, session: WorkerSession, attempt_id: int, signal: AttemptSignal) -> None:
        """Take what a worker says of an attempt; of one that is settled or not its own: nothing happens."""
        attempt = session.attempts.get(attempt_id)
        if attempt is None:
            return
        if isinstance(signal, Finished | Failed):
            self._settle(attempt, signal)
        elif not attempt.accept(signal, self._clock.now()):
            failure = Failure(FailureClass.STREAM_BROKEN, "the worker sent more than its credit allows")
            session.link.send_cancel(attempt_id, failure.message)
            self._settle(attempt, Failed(failure, None))

    def body(self, session_id: str, attempt_id: int) -> bytes:
        """The body of a running attempt, for the worker that has it.

        Raises:
            UnknownAttempt: there is no such attempt in that session.
        """
        return self._find(session_id, attempt_id).order.body

    def append_result(self, session_id: str, attempt_id: int, chunk: bytes) -> int:
        """Keep a piece of a result that is too large for a frame; returns the bytes so far.

        Raises:
            UnknownAttempt: there is no such attempt in that session.
            UploadTooLarge: it exceeds the bound.
        """
        self._find(session_id, attempt_id)
        return self._uploads.append(attempt_id, chunk)

    def take_result(self, attempt_id: int) -> bytes | None:
        """The uploaded result of an attempt, which is then forgotten; None: none was uploaded."""
        return self._uploads.take(attempt_id)

    def fail_session(self, session: WorkerSession, reason: str, *, cancel: bool) -> None:
        """Settle all attempts of a session as lost; `cancel`: also tell the worker, which may yet read it."""
        failure = Failure(FailureClass.WORKER_LOST, f"worker {session.hello.worker_id} was lost: {reason}")
        for attempt in tuple(session.attempts.values()):
            if cancel:
                session.link.send_cancel(attempt.attempt_id, reason)
            self._settle(attempt, Failed(failure, None))

    def settle_overdue(self) -> None:
        """Cancel what is far over its deadline; settle the cancelled whose worker is silent. Called regularly."""
        now = self._clock.now()
        for attempt in self._running():
            if attempt.stopping is not None:
                if now >= attempt.cancel_due:
                    self._settle(attempt, Failed(attempt.stopping, None))
            elif now >= attempt.order.deadline.at + self._settings.overtime:
                self._cancel(attempt, Failure(FailureClass.TIMEOUT_TOTAL, "the attempt's time was used up"))

    def _find(self, session_id: str, attempt_id: int) -> Attempt:
        session = self._sessions.get(session_id)
        attempt = None if session is None else session.attempts.get(attempt_id)
        if attempt is None:
            raise UnknownAttempt(f'session "{session_id}" has no attempt {attempt_id}; it may have been cancelled')
        return attempt

    def _running(self) -> Iterator[Attempt]:
        for session in self._sessions:
            yield from tuple(session.attempts.values())

    def _cancel(self, attempt: Attempt, failure: Failure) -> AttemptRecord:
        if attempt.record is not None:
            return attempt.record
        if attempt.stopping is None:
            attempt.stopping = failure
            attempt.cancel_due = self._clock.now() + self._settings.cancel_grace
            attempt.home.link.send_cancel(attempt.attempt_id, failure.message)
        return attempt.record_of(attempt.outcome(Failed(attempt.stopping, None), self._clock.now()))

    def _settle(self, attempt: Attempt, last: Finished | Failed) -> None:
        if attempt.home.attempts.pop(attempt.attempt_id, None) is None:
            return
        self._uploads.drop(attempt.attempt_id)
        if attempt.stopping is not None and isinstance(last, Failed):
            last = replace(last, failure=attempt.stopping)
        record = attempt.record_of(attempt.outcome(last, self._clock.now()))
        self._gate.settle(attempt.claim, record)
        attempt.finish(record, last)
        self._tell(attempt, record)

    def _tell(self, attempt: Attempt, record: AttemptRecord) -> None:
        """One that fails must not keep the others from hearing, nor break the session that brought the news."""
        for tell in (attempt.order.recording.settled, *(observer.attempt_settled for observer in self._observers)):
            try:
                tell(record)
            except Exception:
                logger.exception("attempt %d of decision %s was not recorded", record.number, record.decision_id)
