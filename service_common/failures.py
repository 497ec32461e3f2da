"""What an attempt's failure is, and what is done about each: one table, read by the attempt machine and the circuit."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

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


@dataclass(frozen=True, slots=True)
class FailurePolicy:
    """What the router does about one failure class.

    Attributes:
        retry: another attempt on the same target may help.
        fall_back: another target may help.
        counts_for_circuit: the target is to blame.
        cools_down: the target is left alone for the time the provider named.
        takes_out: the target is out until its configuration changes or a probe succeeds.
        costs_attempt: it counts against the attempt limits.
        needs_larger_context: only a target with a larger or unknown window may be tried next.
    """

    retry: bool = False
    fall_back: bool = True
    counts_for_circuit: bool = False
    cools_down: bool = False
    takes_out: bool = False
    costs_attempt: bool = True
    needs_larger_context: bool = False


POLICIES: Mapping[FailureClass, FailurePolicy] = MappingProxyType(
    {
        FailureClass.RATE_LIMITED: FailurePolicy(cools_down=True),
        FailureClass.OVERLOADED: FailurePolicy(retry=True, counts_for_circuit=True),
        FailureClass.UNAVAILABLE: FailurePolicy(retry=True, counts_for_circuit=True),
        FailureClass.TIMEOUT_FIRST_TOKEN: FailurePolicy(counts_for_circuit=True),
        FailureClass.TIMEOUT_IDLE: FailurePolicy(counts_for_circuit=True),
        FailureClass.TIMEOUT_TOTAL: FailurePolicy(counts_for_circuit=True),
        FailureClass.STREAM_BROKEN: FailurePolicy(counts_for_circuit=True),
        FailureClass.CONTEXT_EXCEEDED: FailurePolicy(needs_larger_context=True),
        FailureClass.CONTENT_FILTERED: FailurePolicy(fall_back=False),
        FailureClass.INVALID_REQUEST: FailurePolicy(fall_back=False),
        FailureClass.UNSUPPORTED: FailurePolicy(),
        FailureClass.AUTH: FailurePolicy(takes_out=True),
        FailureClass.QUOTA_EXHAUSTED: FailurePolicy(takes_out=True),
        FailureClass.REFUSED_BY_WORKER: FailurePolicy(costs_attempt=False),
        FailureClass.CANCELLED: FailurePolicy(fall_back=False),
        FailureClass.WORKER_LOST: FailurePolicy(retry=True),
    }
)
