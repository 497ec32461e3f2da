"""Values that go into and come out of the attempt machine."""

from dataclasses import dataclass
from enum import Enum, auto

from msgspec import Struct

from router_service.domain.attempt import Failure
from router_service.domain.target import LONG_SILENCE
from service_common.vocabulary import AttemptKind


class PlannedTarget(Struct, frozen=True):
    """One target of the plan.

    Attributes:
        name: `backend/model`.
        context_window: tokens; None: not known.
        can_continue: it is known to continue an answer from an assistant prefill.
        first_token_limit: seconds until it counts as silent.
        telling_silence: seconds without a token that speak against it, however little time the caller has.
        hedge_after: seconds after which a second attempt may start elsewhere; None: never.
        last_resort: tried even when the limits of targets and attempts are reached.
    """

    name: str
    backend: str
    context_window: int | None = None
    can_continue: bool = False
    first_token_limit: float = 30.0
    telling_silence: float = LONG_SILENCE
    hedge_after: float | None = None
    last_resort: bool = False


@dataclass(slots=True)
class TargetProgress:
    """What has become of one target of the plan.

    Attributes:
        attempts: made on it so far.
        launched: it was started or refused, and is not to be chosen again.
        refuses_prefill: it does not take an assistant prefill after all.
        available_at: when it may be tried again (monotonic seconds); None: it did not say.
    """

    planned: PlannedTarget
    attempts: int = 0
    launched: bool = False
    refuses_prefill: bool = False
    available_at: float | None = None


class Start(Struct, frozen=True):
    """Try a target; the shell answers with `started` or `refused`. `replaced`: why the previous attempt failed."""

    number: int
    target: str
    kind: AttemptKind
    replaced: Failure | None
    prefill: bool


class Cancel(Struct, frozen=True):
    """Stop an attempt; it settles with this failure."""

    number: int
    failure: Failure


class Reset(Struct, frozen=True):
    """What was shown came from a target that failed. `restart`: it is void; else it is continued."""

    failed_target: str
    restart: bool


class Finish(Struct, frozen=True):
    """This attempt gave the whole answer."""

    number: int


class FailReason(Enum):
    """Why a call fails."""

    FAILED = auto()
    NOTHING_STARTED = auto()
    DEADLINE = auto()


class FailCall(Struct, frozen=True):
    """No answer can be given. `failure`: the one to name; `available_at`: when a target may be tried again."""

    reason: FailReason
    failure: Failure | None
    available_at: float | None = None


Instruction = Start | Cancel | Reset | Finish | FailCall
