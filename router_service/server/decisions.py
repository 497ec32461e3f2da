"""Decisions and attempts on the wire.

Messages are filled where they stand: one that is made apart and then put into another is encoded and parsed once more
on every level, which doubled the cost of an answer.
"""

from router_service.domain.attempt import AttemptRecord, Failure, Usage
from router_service.domain.decision import Candidate, Classification, Decision
from router_service.server.wire import fill_timestamp
from service_common.durations import fill_duration
from trunkline.types.v1 import attempt_pb2 as attempt_pb
from trunkline.types.v1 import chat_pb2 as chat_pb
from trunkline.types.v1 import classification_pb2 as classification_pb
from trunkline.types.v1 import decision_pb2 as decision_pb


def fill_decision(message: decision_pb.Decision, decision: Decision, trace_id: str) -> None:
    """The whole decision."""
    message.decision_id = decision.decision_id
    message.trace_id = trace_id
    fill_timestamp(message.decided_at, decision.decided_at)
    message.profile = decision.profile
    message.requested_model = decision.requested_model
    _fill_classification(message.classification, decision.classification)
    for candidate in decision.candidates:
        _fill_candidate(message.candidates.add(), candidate)
    for r in decision.rejections:
        message.rejections.add(target=r.target, filter=r.filter, reason=r.reason, relaxation=r.relaxation)
    message.plan.extend(decision.plan)
    message.warnings.extend(decision.warnings)
    message.matched_rule = decision.matched_rule
    for v in decision.votes:
        message.votes.add(profile=v.profile, weight=v.weight, target=v.target)
    message.configuration_version = decision.configuration_version
    message.picker = decision.picker


def _fill_classification(message: classification_pb.Classification, found: Classification) -> None:
    message.task = found.task  # type: ignore[assignment]  # here and below: the numbers are the same
    message.complexity = found.complexity  # type: ignore[assignment]
    message.sensitivity = found.sensitivity  # type: ignore[assignment]
    message.input_tokens = found.input_tokens
    message.expected_output_tokens = found.expected_output_tokens
    message.needed_capabilities.extend(found.needed_capabilities)
    message.detected_sensitive_kinds.extend(found.detected_kinds)
    message.domain = found.domain
    message.given_by_caller.extend(found.given_by_caller)


def _fill_candidate(message: decision_pb.Candidate, candidate: Candidate) -> None:
    message.target = candidate.target
    message.score = candidate.score
    scores = message.scores
    for one in candidate.scores:
        scores.add(scorer=one.scorer, value=one.value, weight=one.weight, raw=one.raw)
    message.expected_cost_nanodollars = candidate.expectation.cost or 0
    fill_duration(message.expected_latency, candidate.expectation.latency)
    fill_duration(message.expected_first_token, candidate.expectation.first_token)
    message.simulated = candidate.view.spec.simulated


def fill_usage(message: chat_pb.Usage, usage: Usage) -> None:
    """Tokens."""
    message.input_tokens = usage.input_tokens
    message.output_tokens = usage.output_tokens
    message.cached_input_tokens = usage.cached_input_tokens
    message.reasoning_tokens = usage.reasoning_tokens
    message.estimated = usage.estimated


def fill_attempt(message: attempt_pb.Attempt, record: AttemptRecord) -> None:
    """One attempt of the log."""
    outcome = record.outcome
    message.number = record.number
    message.target = record.target
    message.kind = record.kind  # type: ignore[assignment]
    fill_timestamp(message.started_at, record.started_at)
    fill_duration(message.latency, outcome.latency)
    if outcome.first_token is not None:
        fill_duration(message.first_token, outcome.first_token)
    fill_usage(message.usage, outcome.usage)
    message.cost_nanodollars = outcome.cost
    message.worker_id = record.worker_id
    message.simulated = record.simulated
    if outcome.failure is None:
        message.outcome = attempt_pb.ATTEMPT_OUTCOME_SUCCEEDED
    else:
        _fill_failure(message, outcome.failure, cancelled=outcome.cancelled)


def _fill_failure(message: attempt_pb.Attempt, failure: Failure, *, cancelled: bool) -> None:
    message.outcome = attempt_pb.ATTEMPT_OUTCOME_CANCELLED if cancelled else attempt_pb.ATTEMPT_OUTCOME_FAILED
    message.failure_class = failure.failure_class  # type: ignore[assignment]
    message.failure_message = failure.message
    message.http_status = failure.http_status
    if failure.retry_after is not None:
        fill_duration(message.retry_after, failure.retry_after)
