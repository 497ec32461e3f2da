"""The workers' sessions: who is attached, who fences whom, and which of them takes the next attempt."""

from collections.abc import Iterator
from datetime import datetime

from router_service.contracts.dispatch import AttemptOrder, Refusal
from router_service.contracts.link import SessionLink
from router_service.dispatch.attempt import Attempt, AttemptHome
from router_service.domain.worker import WorkerHeartbeat, WorkerHello, WorkerReport
from service_common.vocabulary import Operation, WorkerState

WHOLE_BACKEND = frozenset({Operation.PROBE, Operation.PULL_MODEL})
"""Operations that need not name a model which the worker has."""


class StaleHello(Exception):
    """A worker said hello although a newer start of it is attached; the message says which."""


class WorkerSession:
    """One attached worker. Its attempts are in `attempts` until they settle: that is what in flight means.

    What it says is in `report`, of which the table is told each new one.
    """

    __slots__ = (
        "attached_at",
        "attempts",
        "dispatched",
        "foreign",
        "heard_at",
        "hello",
        "home",
        "link",
        "lost",
        "missed",
        "peer",
        "report",
        "session_id",
    )

    def __init__(self, session_id: str, hello: WorkerHello, link: SessionLink, peer: str, now: float) -> None:
        """Begin with what the worker's hello says; `now` counts as its first heartbeat."""
        self.session_id = session_id
        self.hello = hello
        self.link = link
        self.peer = peer
        self.report = WorkerReport.begun(hello)
        self.home = AttemptHome(hello, link)
        self.attempts: dict[int, Attempt] = self.home.attempts
        self.heard_at = now
        self.attached_at: datetime | None = None
        self.foreign = 0
        self.dispatched = 0
        self.missed = False
        self.lost = False

    @property
    def in_flight(self) -> int:
        """Attempts of this router that it has."""
        return len(self.attempts)

    @property
    def load(self) -> float:
        """Attempts of all routers, relative to its capacity."""
        return (len(self.attempts) + self.foreign) / self.hello.capacity

    def serves(self, model: str) -> bool:
        """Whether it can be asked for a model: one that it lists, or any at all."""
        return self.hello.takes_any_model or model in self.report.models

    def take_heartbeat(self, heartbeat: WorkerHeartbeat, now: float, wall: datetime) -> None:
        """Note how the worker fares."""
        self.report = self.report.with_heartbeat(heartbeat, wall)
        self.heard_at = now
        self.foreign = max(0, heartbeat.in_flight + heartbeat.queued - self.in_flight)
        self.missed = False

    def refusal(self, order: AttemptOrder) -> Refusal | None:
        """Why it cannot take this attempt now; None: it can."""
        name = self.hello.worker_id
        unwilling = self._unwilling(order.operation, order.spec.model)
        if unwilling:
            return Refusal(f"worker {name} {unwilling}")
        if self.hello.clearance < order.sensitivity:
            return Refusal(f"worker {name} lets through {self.hello.clearance.label} at most")
        if self._free <= 0:
            return Refusal(f"worker {name} is at its capacity of {self.hello.capacity}", at_capacity=True)
        return None

    def free_slots(self, model: str) -> int:
        """Calls to a model that it can take now."""
        return 0 if self._unwilling(Operation.COMPLETE, model) else max(0, self._free)

    @property
    def _free(self) -> int:
        return self.hello.capacity - len(self.attempts)

    def _unwilling(self, operation: Operation, model: str) -> str:
        """Why it takes no such attempt now, however idle it is; empty: it does."""
        report = self.report
        if report.draining:
            return "is draining"
        if report.last.state is not WorkerState.READY and operation is not Operation.PROBE:
            return f"is {report.last.state.label}: {report.last.state_reason or 'no reason given'}"
        if self.missed:
            return "does not answer: its heartbeats stopped"
        if operation not in WHOLE_BACKEND and not self.serves(model):
            return f"does not serve {model}"
        return ""


class SessionDirectory:
    """All attached workers, by backend."""

    def __init__(self) -> None:
        """Begin with none."""
        self._by_backend: dict[str, list[WorkerSession]] = {}
        self._by_id: dict[str, WorkerSession] = {}
        self._by_worker: dict[str, WorkerSession] = {}

    def __iter__(self) -> Iterator[WorkerSession]:
        return iter(tuple(self._by_id.values()))

    def __len__(self) -> int:
        return len(self._by_id)

    def get(self, session_id: str) -> WorkerSession | None:
        """The attached session of that id."""
        return self._by_id.get(session_id)

    def fenced_by(self, hello: WorkerHello) -> WorkerSession | None:
        """The older session of the same worker, which this hello ends.

        Raises:
            StaleHello: the attached session belongs to a newer start of the worker.
        """
        attached = self._by_worker.get(hello.worker_id)
        if attached is not None and attached.hello.epoch > hello.epoch:
            raise StaleHello(
                f'worker "{hello.worker_id}" is attached with epoch {attached.hello.epoch}, '
                f"which is newer than {hello.epoch}: end the older process or give it another worker id"
            )
        return attached

    def add(self, session: WorkerSession) -> None:
        """Attach."""
        self._by_id[session.session_id] = session
        self._by_worker[session.hello.worker_id] = session
        self._by_backend.setdefault(session.hello.backend, []).append(session)

    def remove(self, session: WorkerSession) -> None:
        """Detach; without effect the second time."""
        session.lost = True
        if self._by_id.pop(session.session_id, None) is None:
            return
        if self._by_worker.get(session.hello.worker_id) is session:
            del self._by_worker[session.hello.worker_id]
        neighbours = self._by_backend[session.hello.backend]
        neighbours.remove(session)
        if not neighbours:
            del self._by_backend[session.hello.backend]

    def free_slots(self, target: str) -> int:
        """Attempts that the attached workers can take of a target now."""
        backend, _, model = target.partition("/")
        return sum(session.free_slots(model) for session in self._by_backend.get(backend, ()))

    def choose(self, order: AttemptOrder) -> WorkerSession | Refusal:
        """The session for an attempt: one whose heartbeats come, the least loaded, the least used."""
        best: WorkerSession | None = None
        best_key: tuple[bool, float, int] | None = None
        refusal = Refusal(f'no worker of backend "{order.spec.backend}" is attached')
        for session in self._by_backend.get(order.spec.backend, ()):
            reason = session.refusal(order)
            if reason is not None:
                refusal = reason if reason.at_capacity or not refusal.at_capacity else refusal
                continue
            key = (session.report.suspect, session.load, session.dispatched)
            if best_key is None or key < best_key:
                best, best_key = session, key
        return refusal if best is None else best
