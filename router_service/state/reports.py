"""What the attached workers of a backend say, taken together per model."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from msgspec import Struct

from router_service.domain.worker import ModelReport, WorkerHeartbeat, WorkerHello
from service_common.failures import FailureClass
from service_common.vocabulary import TargetState, WorkerState


class Standing(Struct, frozen=True):
    """Whether a target can be used.

    Attributes:
        available_at: monotonic seconds when that may change; None: not by time.
        outage: the failure for which it is out, where that is known.
    """

    state: TargetState
    reason: str = ""
    available_at: float | None = None
    outage: FailureClass | None = None


READY = Standing(TargetState.READY)


class SessionReport:
    """What one attached worker says."""

    __slots__ = (
        "draining",
        "draining_reason",
        "heard_wall",
        "hello",
        "last",
        "models",
        "state",
        "state_failure",
        "state_reason",
        "suspect",
    )

    def __init__(self, hello: WorkerHello) -> None:
        """Begin with its hello."""
        self.hello = hello
        self.models = {report.model: report for report in hello.models}
        self.last = WorkerHeartbeat(sequence=0)
        self.heard_wall: datetime | None = None
        self.state = hello.state
        self.state_reason = hello.state_reason
        self.state_failure = hello.state_failure
        self.suspect = False
        self.draining = False
        self.draining_reason = ""

    def take_heartbeat(self, heartbeat: WorkerHeartbeat, wall: datetime) -> None:
        """Note how it fares."""
        self.last = heartbeat
        self.heard_wall = wall
        self.state = heartbeat.state
        self.state_reason = heartbeat.state_reason
        self.state_failure = heartbeat.state_failure
        self.suspect = False

    def take_models(self, models: Iterable[ModelReport]) -> None:
        """Replace what it serves."""
        self.models = {report.model: report for report in models}

    def drain(self, reason: str) -> None:
        """It takes no more work, whatever its heartbeats say."""
        self.draining = True
        self.draining_reason = reason

    def concerns(self, model: str) -> bool:
        """Whether it says anything about a model: one that cannot serve at all speaks for every model."""
        if model in self.models or self.hello.takes_any_model:
            return True
        return self.state in (WorkerState.NOT_CONFIGURED, WorkerState.UNHEALTHY)

    @property
    def standing(self) -> Standing:
        """What it makes of its targets."""
        if self.draining or self.state is WorkerState.DRAINING:
            reason = self.draining_reason or self.state_reason or "its worker is draining"
            return Standing(TargetState.DRAINING, reason)
        if self.state is WorkerState.NOT_CONFIGURED:
            return Standing(TargetState.NOT_CONFIGURED, self.state_reason or "its worker lacks what it needs")
        if self.state is WorkerState.UNHEALTHY:
            reason = self.state_reason or "its worker cannot reach the provider"
            return Standing(TargetState.OUT, reason, outage=self.state_failure)
        if self.suspect:
            return Standing(TargetState.SUSPECT, f"the heartbeat of worker {self.hello.worker_id} is late")
        return READY


BEST_FIRST = (
    TargetState.READY,
    TargetState.SUSPECT,
    TargetState.DRAINING,
    TargetState.OUT,
    TargetState.NOT_CONFIGURED,
)


class Together(Struct, frozen=True):
    """What all workers of a backend say of one model. `workers`: those attached to the backend."""

    standing: Standing
    workers: int = 0
    in_flight: int = 0
    queued: int = 0
    capacity: int = 0
    resident: bool = False
    rate_limit_left: float | None = None
    heard_wall: datetime | None = None


def together(backend: str, model: str, sessions: Sequence[SessionReport]) -> Together:
    """The best standing of any worker that has the model, and the sums over them."""
    if not sessions:
        return Together(Standing(TargetState.DETACHED, f'no worker of backend "{backend}" is attached'))
    serving = [session for session in sessions if session.concerns(model)]
    heard = max((session.heard_wall for session in sessions if session.heard_wall), default=None)
    if not serving:
        said = next((f" ({session.state_reason})" for session in sessions if session.state_reason), "")
        reason = f"no attached worker has the model {model}{said}"
        return Together(Standing(TargetState.DETACHED, reason), workers=len(sessions), heard_wall=heard)
    standing = min((session.standing for session in serving), key=lambda found: BEST_FIRST.index(found.state))
    doubts = [session.models[model].doubt for session in serving if model in session.models]
    if standing.state is TargetState.READY and doubts and all(doubts):
        standing = Standing(TargetState.READY, doubts[0])
    limits = [session.last.rate_limit.share_left for session in serving if session.last.rate_limit is not None]
    known = [share for share in limits if share is not None]
    return Together(
        standing,
        workers=len(sessions),
        in_flight=sum(session.last.in_flight for session in serving),
        queued=sum(session.last.queued for session in serving),
        capacity=sum(session.hello.capacity for session in serving),
        resident=any(model in session.last.resident_models for session in serving),
        rate_limit_left=min(known, default=None),
        heard_wall=heard,
    )
