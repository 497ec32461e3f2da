"""How a call ends: what its caller is told of the answer, or of why there is none."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from router_service.dispatch.attempt_plan import FailCall, FailReason
from router_service.dispatch.planned_call import PlannedCall
from router_service.domain.attempt import AttemptRecord
from router_service.domain.decision import Rejection
from router_service.domain.errors import SHORTEST_RETRY, CallFailed, DeadlinePassed, Exhausted, NoTarget, RouterError
from router_service.domain.events import Completed
from router_service.domain.signals import Finished

_ENDS: Mapping[FailReason, tuple[type[RouterError], str]] = MappingProxyType(
    {
        FailReason.DEADLINE: (DeadlinePassed, "the deadline passed before an answer was whole"),
        FailReason.FAILED: (CallFailed, "every attempt failed"),
    }
)


def completed(
    call: PlannedCall, answered: AttemptRecord, finished: Finished, records: Sequence[AttemptRecord], now: float
) -> Completed:
    """The last event of a call that was answered.

    Args:
        answered: the attempt whose answer it is; `finished`: its last word.
        records: all settled attempts.
        now: monotonic seconds.
    """
    return Completed(
        finish_reason=finished.answer.finish_reason,
        usage=answered.outcome.usage,
        cost=spent(records),
        target=answered.target,
        attempts=_in_order(records),
        decision_id=call.decision.decision_id,
        trace_id=call.recording.trace_id,
        is_fallback=answered.target != call.decision.plan[0],
        simulated=answered.simulated,
        provider_model=finished.answer.provider_model,
        provider_request_id=finished.answer.provider_request_id,
        latency=now - call.began_at,
        body=finished.body,
    )


def failed(
    call: PlannedCall,
    fail: FailCall,
    records: Sequence[AttemptRecord],
    skipped: Sequence[Rejection],
    now: float,
    *,
    at_capacity: bool,
) -> RouterError:
    """The error that tells the caller what was tried and what came of it.

    Args:
        records: all settled attempts; `skipped`: targets that were planned and could not be tried.
        now: monotonic seconds.
        at_capacity: a target was skipped because all its slots were taken.
    """
    attempts = _in_order(records)
    retry_after = None if fail.available_at is None else max(0.0, fail.available_at - now)
    passed_over = [f"{skip.target} skipped: {skip.reason}" for skip in skipped]
    story = "; ".join([*map(_told, attempts), *passed_over]) or "nothing could be tried"
    if fail.reason in (FailReason.DEADLINE, FailReason.FAILED):
        kind, what = _ENDS[fail.reason]
        headline = "; ".join([what, *passed_over]) if attempts else ""
        return kind(
            f"{what}: {story}",
            decision=call.decision,
            attempts=attempts,
            retry_after=retry_after if kind is CallFailed else None,
            headline=headline,
        )
    if at_capacity:
        wait = retry_after or SHORTEST_RETRY
        return Exhausted(f"no capacity: {story}", decision=call.decision, retry_after=wait)
    return NoTarget(f"no target can be tried now: {story}", decision=call.decision, retry_after=retry_after)


def spent(records: Sequence[AttemptRecord]) -> int:
    """Nano-dollars of the settled attempts."""
    return sum(record.outcome.cost for record in records)


def _in_order(records: Sequence[AttemptRecord]) -> tuple[AttemptRecord, ...]:
    return tuple(sorted(records, key=lambda record: record.number))


def _told(record: AttemptRecord) -> str:
    """One attempt in the words of the final error."""
    failure, latency = record.outcome.failure, record.outcome.latency
    took = f"after {latency:.2f} s" if latency >= 1 else f"after {latency * 1e3:.0f} ms"
    if failure is None:
        return f"{record.target} answered {took}"
    return f"{record.target} {failure.kind} {took}: {failure.message}"
