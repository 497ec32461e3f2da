"""What becomes of the workers' frames: sessions begin, report, fall silent and end, and everybody concerned is told."""

import asyncio
import itertools
import logging
import secrets
from collections import Counter
from contextlib import suppress

from msgspec import Struct
from msgspec.structs import replace

from router_service.contracts.link import SessionLink, SessionObserver
from router_service.dispatch.registry import AttemptRegistry
from router_service.dispatch.sessions import SessionDirectory, WorkerSession
from router_service.domain.attempt import Failure
from router_service.domain.signals import AttemptSignal, Failed
from router_service.domain.worker import ModelReport, WorkerHeartbeat, WorkerHello
from service_common.clock import Clock
from service_common.failures import FailureClass
from service_common.near_names import suggest

DRAIN_GRACE = 1.0
"""Seconds for workers to leave in good order when the router ends."""

logger = logging.getLogger(__name__)


class UnknownBackend(Exception):
    """A worker serves a backend that the configuration does not name; the message lists those that it names."""


class WrongSequence(Exception):
    """A heartbeat is not the next one; the message has both numbers."""


class LinkSettings(Struct, frozen=True):
    """Times in seconds.

    Attributes:
        heartbeat_interval: how often workers report.
        late_after: intervals without a heartbeat until a worker is suspect: it is chosen last.
        missed_after: intervals until its attempts fail over and it gets no more.
        piece_timeout: how long the next piece of a result may take that travels beside the link.
    """

    heartbeat_interval: float = 1.0
    late_after: float = 1.5
    missed_after: float = 2.5
    piece_timeout: float = 30.0

    @property
    def check_interval(self) -> float:
        """How often silence is looked for."""
        return self.heartbeat_interval / 4


class WorkerLink:
    """The router's side of `Attach`, free of its wire.

    Attributes:
        attachments, losses: sessions that began and ended since the start, by backend.
    """

    def __init__(
        self,
        clock: Clock,
        sessions: SessionDirectory,
        registry: AttemptRegistry,
        table: SessionObserver,
        settings: LinkSettings | None = None,
    ) -> None:
        """Take the neighbours; `run` must run beside it."""
        self._clock = clock
        self._sessions = sessions
        self._registry = registry
        self._table = table
        self.settings = settings or LinkSettings()
        self._ids = itertools.count(1)
        self.attachments: Counter[str] = Counter()
        self.losses: Counter[str] = Counter()
        self._checked_at = clock.now()
        self._left = asyncio.Event()

    @property
    def sessions(self) -> tuple[WorkerSession, ...]:
        """The attached workers, in the order in which they attached."""
        return tuple(self._sessions)

    def attach(self, hello: WorkerHello, link: SessionLink, peer: str) -> WorkerSession:
        """Begin a session; an older one of the same worker ends.

        Raises:
            UnknownBackend: the configuration has no such backend.
            StaleHello: a newer start of this worker is attached.
        """
        if hello.backend not in self._table.backends:
            known = suggest(hello.backend, self._table.backends) or "It has none."
            raise UnknownBackend(f'the configuration has no backend "{hello.backend}". {known}')
        fenced = self._sessions.fenced_by(hello)
        if fenced is not None:
            self.detach(fenced, "the worker attached again")
            fenced.link.close("the worker attached again")
        session = WorkerSession(self._new_session_id(), hello, link, peer, self._clock.now())
        session.attached_at = self._clock.wall()
        self._sessions.add(session)
        self.attachments[hello.backend] += 1
        self._table.session_attached(session.session_id, session.report)
        logger.info("worker %s attached for backend %s from %s", hello.worker_id, hello.backend, peer)
        return session

    def _new_session_id(self) -> str:
        """Counted for people, random at its end: who knows it may fetch the bodies of its attempts."""
        return f"s{next(self._ids)}-{secrets.token_urlsafe(16)}"

    def detach(self, session: WorkerSession, reason: str) -> None:
        """End a session: its attempts fail over at once. Without effect the second time."""
        if session.lost:
            return
        self._sessions.remove(session)
        self._left.set()
        self.losses[session.hello.backend] += 1
        self._table.session_lost(session.session_id)
        self._registry.fail_session(session, reason, cancel=False)
        logger.info("worker %s of backend %s left: %s", session.hello.worker_id, session.hello.backend, reason)

    def heartbeat(self, session: WorkerSession, heartbeat: WorkerHeartbeat) -> None:
        """Take a heartbeat.

        Raises:
            WrongSequence: it is not the next one of its session.
        """
        due = session.report.last.sequence + 1
        if heartbeat.sequence != due:
            raise WrongSequence(f"heartbeat {heartbeat.sequence} came where {due} was due")
        if session.lost:
            return
        session.take_heartbeat(heartbeat, self._clock.now(), self._clock.wall())
        self._table.session_reported(session.session_id, session.report)

    def draining(self, session: WorkerSession, reason: str) -> None:
        """The worker takes no more work."""
        session.report = replace(session.report, draining=True, draining_reason=reason)
        if not session.lost:
            self._table.session_reported(session.session_id, session.report)

    def models_changed(self, session: WorkerSession, models: tuple[ModelReport, ...]) -> None:
        """The worker serves these models now."""
        session.report = session.report.with_models(models)
        if not session.lost:
            self._table.session_models(session.session_id, session.report)

    def cool_down(self, session: WorkerSession, model: str, seconds: float, reason: str) -> None:
        """The provider asked to be left alone: for one model, or (empty) the whole backend."""
        if not session.lost:
            self._table.cool_down_session(session.session_id, model, seconds, reason)

    def deliver(self, session: WorkerSession, attempt_id: int, signal: AttemptSignal) -> None:
        """Something happened to an attempt."""
        self._registry.deliver(session, attempt_id, signal)

    def deliver_uploaded(self, session: WorkerSession, attempt_id: int) -> bytes | None:
        """The result that was uploaded for an attempt; where there is none, the attempt fails and None is returned."""
        body = self._registry.take_result(attempt_id)
        if body is None:
            failure = Failure(FailureClass.STREAM_BROKEN, "the worker says that it uploaded the result, but none came")
            self._registry.deliver(session, attempt_id, Failed(failure, None))
        return body

    def body(self, session_id: str, attempt_id: int) -> bytes:
        """See `AttemptRegistry.body`."""
        return self._registry.body(session_id, attempt_id)

    def append_result(self, session_id: str, attempt_id: int, chunk: bytes) -> int:
        """See `AttemptRegistry.append_result`."""
        return self._registry.append_result(session_id, attempt_id, chunk)

    async def close(self, reason: str) -> None:
        """Ask the workers to leave and end the sessions that are left.

        Calls that still run are cut off at once. Where there are none, cancelled attempts get `DRAIN_GRACE` seconds for
        their last words, which hold what they cost.
        """
        leaving = self.sessions
        if not any(attempt.wanted for session in leaving for attempt in session.attempts.values()):
            for session in leaving:
                self.draining(session, reason)
                session.link.send_drain(DRAIN_GRACE, reason)
            with suppress(TimeoutError):
                async with asyncio.timeout(DRAIN_GRACE):
                    while not all(session.lost for session in leaving):
                        self._left.clear()
                        await self._left.wait()
        self.end(reason)

    def end(self, reason: str) -> None:
        """End all sessions."""
        for session in self._sessions:
            self.detach(session, reason)
            session.link.close(reason)

    async def run(self) -> None:
        """Look for silent workers and overdue attempts, until cancelled."""
        self._checked_at = self._clock.now()
        while True:
            await asyncio.sleep(self.settings.check_interval)
            self.check()

    def check(self) -> None:
        """Look once: a late heartbeat makes a worker suspect; after more of them its attempts fail over."""
        now = self._clock.now()
        slept = now - self._checked_at
        self._checked_at = now
        if slept > self.settings.heartbeat_interval:
            self._forgive(slept)
        for session in self._sessions:
            silent = (now - session.heard_at) / self.settings.heartbeat_interval
            if silent >= self.settings.late_after and not session.report.suspect:
                session.report = replace(session.report, suspect=True)
                self._table.session_reported(session.session_id, session.report)
                logger.warning("worker %s is suspect: its heartbeat is late", session.hello.worker_id)
            if silent >= self.settings.missed_after and not session.missed:
                session.missed = True
                self._registry.fail_session(session, "its heartbeats stopped", cancel=True)
        self._registry.settle_overdue()

    def _forgive(self, slept: float) -> None:
        """This process was asleep or busy itself: heartbeats wait unread, and no worker is to blame for them."""
        for session in self._sessions:
            session.heard_at += slept
