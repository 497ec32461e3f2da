"""A call as it comes out of planning: everything that carrying it out takes."""

from collections.abc import Callable, Sequence

from msgspec import Struct

from router_service.contracts.engine import Hop
from router_service.contracts.recording import CallRecording
from router_service.dispatch.attempt_plan import PlannedTarget
from router_service.dispatch.hedging import HedgeBudget
from router_service.domain.decision import Decision, Rejection
from router_service.domain.profile import Profile
from router_service.domain.request import Request
from router_service.domain.target import TargetSpec
from service_common.deadline import Deadline
from service_common.vocabulary import StreamRecovery


class PlannedCall(Struct, frozen=True):
    """A decided call that is to be dispatched.

    Attributes:
        plan: the decision's plan with what the machine needs of each target.
        admit: the target as configuration and workers describe it now; a rejection where by the hard filters, on the
            state of this moment, it may not be tried (any more).
        hedges: how many second attempts there may be.
        began_at: monotonic seconds of the call's arrival.
    """

    request: Request
    decision: Decision
    profile: Profile
    plan: Sequence[PlannedTarget]
    deadline: Deadline
    recovery: StreamRecovery
    recording: CallRecording
    admit: Callable[[str, Hop], TargetSpec | Rejection]
    hedges: HedgeBudget
    began_at: float
