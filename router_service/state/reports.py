"""What the attached workers of a backend say, taken together per model."""

from collections.abc import Sequence
from datetime import datetime

from msgspec import Struct

from router_service.domain.worker import WorkerReport
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


def together(backend: str, model: str, attached: Sequence[WorkerReport]) -> Together:
    """The best standing of any worker that has the model, and the sums over them."""
    if not attached:
        return Together(Standing(TargetState.DETACHED, f'no worker of backend "{backend}" is attached'))
    serving = [report for report in attached if _concerns(report, model)]
    heard = max((report.heard_wall for report in attached if report.heard_wall), default=None)
    if not serving:
        said = next((f" ({report.last.state_reason})" for report in attached if report.last.state_reason), "")
        reason = f"no attached worker has the model {model}{said}"
        return Together(Standing(TargetState.DETACHED, reason), workers=len(attached), heard_wall=heard)
    standing = min(map(_standing, serving), key=lambda found: BEST_FIRST.index(found.state))
    doubts = [report.models[model].doubt for report in serving if model in report.models]
    if standing.state is TargetState.READY and doubts and all(doubts):
        standing = Standing(TargetState.READY, doubts[0])
    limits = [report.last.rate_limit.share_left for report in serving if report.last.rate_limit is not None]
    known = [share for share in limits if share is not None]
    return Together(
        standing,
        workers=len(attached),
        in_flight=sum(report.last.in_flight for report in serving),
        queued=sum(report.last.queued for report in serving),
        capacity=sum(report.hello.capacity for report in serving),
        resident=any(model in report.last.resident_models for report in serving),
        rate_limit_left=min(known, default=None),
        heard_wall=heard,
    )


def _concerns(report: WorkerReport, model: str) -> bool:
    """Whether a worker says anything about a model: one that cannot serve at all speaks for every model."""
    if model in report.models or report.hello.takes_any_model:
        return True
    return report.last.state in (WorkerState.NOT_CONFIGURED, WorkerState.UNHEALTHY)


def _standing(report: WorkerReport) -> Standing:
    """What a worker makes of its targets."""
    state, reason = report.last.state, report.last.state_reason
    if report.draining or state is WorkerState.DRAINING:
        return Standing(TargetState.DRAINING, report.draining_reason or reason or "its worker is draining")
    if state is WorkerState.NOT_CONFIGURED:
        return Standing(TargetState.NOT_CONFIGURED, reason or "its worker lacks what it needs")
    if state is WorkerState.UNHEALTHY:
        reason = reason or "its worker cannot reach the provider"
        return Standing(TargetState.OUT, reason, outage=report.last.state_failure)
    if report.suspect:
        return Standing(TargetState.SUSPECT, f"the heartbeat of worker {report.hello.worker_id} is late")
    return Standing(TargetState.READY)
