"""What an attempt's failure is, and what is done about each: one table, read by all who act on one."""

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType

from msgspec import Struct

from service_common.vocabulary import Word


class FailureClass(Word):
    """What an attempt's failure is. Workers map each provider error to one of these, once, at their edge."""

    RATE_LIMITED = 1
    OVERLOADED = 2
    UNAVAILABLE = 3
    TIMEOUT_FIRST_TOKEN = 4
    TIMEOUT_IDLE = 5
    TIMEOUT_TOTAL = 6
    STREAM_BROKEN = 7
    CONTEXT_EXCEEDED = 8
    CONTENT_FILTERED = 9
    INVALID_REQUEST = 10
    UNSUPPORTED = 11
    AUTH = 12
    QUOTA_EXHAUSTED = 13
    REFUSED_BY_WORKER = 14
    CANCELLED = 15
    WORKER_LOST = 16

    def told(self, http_status: int) -> str:
        """With the provider's status, where there is one, for a person: `overloaded (503)`."""
        return f"{self.label} ({http_status})" if http_status else self.label


class Verdict(Enum):
    """What an attempt's failure says of the call that it was made for."""

    NOTHING = "nothing"
    TRY_AGAIN = "try again"
    SLOW_DOWN = "slow down"
    WRONG_REQUEST = "wrong request"
    NOT_POSSIBLE = "not possible"


class FailurePolicy(Struct, frozen=True):
    """What the router does about one failure class.

    Attributes:
        retry: another attempt on the same target may help.
        fall_back: another target may help.
        counts_for_circuit: the target is to blame.
        cools_down: the target is left alone for the time the provider named.
        takes_out: the target is out until its configuration changes or a probe succeeds.
        costs_attempt: it counts against the attempt limits.
        needs_larger_context: only a target with a larger or unknown window may be tried next.
        billed: the provider may have counted tokens although no answer had begun.
        verdict: what a caller is told where no other attempt succeeds.
    """

    retry: bool = False
    fall_back: bool = True
    counts_for_circuit: bool = False
    cools_down: bool = False
    takes_out: bool = False
    costs_attempt: bool = True
    needs_larger_context: bool = False
    billed: bool = True
    verdict: Verdict = Verdict.TRY_AGAIN


POLICIES: Mapping[FailureClass, FailurePolicy] = MappingProxyType(
    {
        FailureClass.RATE_LIMITED: FailurePolicy(cools_down=True, billed=False, verdict=Verdict.SLOW_DOWN),
        FailureClass.OVERLOADED: FailurePolicy(retry=True, counts_for_circuit=True, billed=False),
        FailureClass.UNAVAILABLE: FailurePolicy(retry=True, counts_for_circuit=True, billed=False),
        FailureClass.TIMEOUT_FIRST_TOKEN: FailurePolicy(counts_for_circuit=True),
        FailureClass.TIMEOUT_IDLE: FailurePolicy(counts_for_circuit=True),
        FailureClass.TIMEOUT_TOTAL: FailurePolicy(counts_for_circuit=True),
        FailureClass.STREAM_BROKEN: FailurePolicy(counts_for_circuit=True),
        FailureClass.CONTEXT_EXCEEDED: FailurePolicy(
            needs_larger_context=True, billed=False, verdict=Verdict.WRONG_REQUEST
        ),
        FailureClass.CONTENT_FILTERED: FailurePolicy(fall_back=False, verdict=Verdict.NOT_POSSIBLE),
        FailureClass.INVALID_REQUEST: FailurePolicy(fall_back=False, billed=False, verdict=Verdict.WRONG_REQUEST),
        FailureClass.UNSUPPORTED: FailurePolicy(billed=False, verdict=Verdict.NOT_POSSIBLE),
        FailureClass.AUTH: FailurePolicy(takes_out=True, billed=False, verdict=Verdict.NOT_POSSIBLE),
        FailureClass.QUOTA_EXHAUSTED: FailurePolicy(takes_out=True, billed=False, verdict=Verdict.NOT_POSSIBLE),
        FailureClass.REFUSED_BY_WORKER: FailurePolicy(costs_attempt=False, billed=False, verdict=Verdict.NOTHING),
        FailureClass.CANCELLED: FailurePolicy(fall_back=False, verdict=Verdict.NOTHING),
        FailureClass.WORKER_LOST: FailurePolicy(retry=True),
    }
)
