"""Decisions and attempts on the wire."""

from router_service.domain.attempt import AttemptRecord, Usage
from router_service.domain.decision import Candidate, Classification, Decision
from router_service.server.wire import duration, optional_duration, timestamp
from trunkline.types.v1 import attempt_pb2 as attempt_pb
from trunkline.types.v1 import chat_pb2 as chat_pb
from trunkline.types.v1 import classification_pb2 as classification_pb
from trunkline.types.v1 import decision_pb2 as decision_pb


def decision_message(decision: Decision, trace_id: str) -> decision_pb.Decision:
    """The whole decision."""
    return decision_pb.Decision(
        decision_id=decision.decision_id,
        trace_id=trace_id,
        decided_at=timestamp(decision.decided_at),
        profile=decision.profile,
        requested_model=decision.requested_model,
        classification=_classification(decision.classification),
        candidates=[_candidate(candidate) for candidate in decision.candidates],
        rejections=[
            decision_pb.Rejection(target=r.target, filter=r.filter, reason=r.reason, relaxation=r.relaxation)
            for r in decision.rejections
        ],
        plan=decision.plan,
        warnings=decision.warnings,
        matched_rule=decision.matched_rule,
        votes=[decision_pb.Vote(profile=v.profile, weight=v.weight, target=v.target) for v in decision.votes],
        configuration_version=decision.configuration_version,
        picker=decision.picker,
    )


def _classification(found: Classification) -> classification_pb.Classification:
    return classification_pb.Classification(
        task=found.task.value,  # type: ignore[arg-type]
        complexity=found.complexity.value,  # type: ignore[arg-type]
        sensitivity=found.sensitivity.value,  # type: ignore[arg-type]
        input_tokens=found.input_tokens,
        expected_output_tokens=found.expected_output_tokens,
        needed_capabilities=found.needed_capabilities,
        detected_sensitive_kinds=found.detected_kinds,
        domain=found.domain,
        given_by_caller=found.given_by_caller,
    )


def _candidate(candidate: Candidate) -> decision_pb.Candidate:
    return decision_pb.Candidate(
        target=candidate.target,
        score=candidate.score,
        scores=[
            decision_pb.ScorerValue(scorer=s.scorer, value=s.value, weight=s.weight, raw=s.raw)
            for s in candidate.scores
        ],
        expected_cost_nanodollars=candidate.expectation.cost or 0,
        expected_latency=duration(candidate.expectation.latency),
        expected_first_token=duration(candidate.expectation.first_token),
        simulated=candidate.view.spec.simulated,
    )


def usage_message(usage: Usage) -> chat_pb.Usage:
    """Tokens."""
    return chat_pb.Usage(
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cached_input_tokens=usage.cached_input_tokens,
        reasoning_tokens=usage.reasoning_tokens,
        estimated=usage.estimated,
    )


def attempt_message(record: AttemptRecord) -> attempt_pb.Attempt:
    """One attempt of the log."""
    outcome = record.outcome
    message = attempt_pb.Attempt(
        number=record.number,
        target=record.target,
        kind=record.kind.value,  # type: ignore[arg-type]
        outcome=attempt_pb.ATTEMPT_OUTCOME_SUCCEEDED,
        started_at=timestamp(record.started_at),
        latency=duration(outcome.latency),
        first_token=optional_duration(outcome.first_token),
        usage=usage_message(outcome.usage),
        cost_nanodollars=outcome.cost,
        worker_id=record.worker_id,
        simulated=record.simulated,
    )
    if outcome.failure is not None:
        cancelled = outcome.cancelled
        message.outcome = attempt_pb.ATTEMPT_OUTCOME_CANCELLED if cancelled else attempt_pb.ATTEMPT_OUTCOME_FAILED
        message.failure_class = outcome.failure.failure_class.value  # type: ignore[assignment]
        message.failure_message = outcome.failure.message
        message.http_status = outcome.failure.http_status
        if outcome.failure.retry_after is not None:
            message.retry_after.CopyFrom(duration(outcome.failure.retry_after))
    return message
