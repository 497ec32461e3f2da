"""What `--json` prints. The names are public: programs read them."""

import math
from dataclasses import asdict, fields
from datetime import datetime
from decimal import Decimal
from typing import Any

from trunkline.answers import Answer, Attempt
from trunkline.decisions import Candidate, Decision
from trunkline.errors import TrunklineError
from trunkline.targets import Model, Models, TargetRow


def answer_json(answer: Answer) -> dict[str, Any]:
    """The object of `chat --json`."""
    return {
        "text": answer.text,
        "reasoning": answer.reasoning or None,
        "tool_calls": [asdict(call) for call in answer.tool_calls],
        "finish_reason": answer.finish_reason,
        "target": answer.target,
        "attempts": [attempt_json(attempt) for attempt in answer.attempts],
        "usage": asdict(answer.usage),
        "cost_usd": float(answer.cost_usd),
        "latency_ms": milliseconds(answer.latency),
        "decision_id": answer.decision_id,
        "trace_id": answer.trace_id,
        "simulated": answer.simulated,
        "is_fallback": answer.is_fallback,
    }


def attempt_json(attempt: Attempt) -> dict[str, Any]:
    """One attempt."""
    return {
        "number": attempt.number,
        "target": attempt.target,
        "kind": attempt.kind,
        "outcome": attempt.outcome,
        "failure_class": attempt.failure_class,
        "failure_message": attempt.failure_message or None,
        "http_status": attempt.http_status,
        "retry_after_ms": milliseconds(attempt.retry_after),
        "latency_ms": milliseconds(attempt.latency),
        "first_token_ms": milliseconds(attempt.first_token),
        "usage": asdict(attempt.usage),
        "cost_usd": float(attempt.cost_usd),
        "simulated": attempt.simulated,
    }


def decision_json(decision: Decision) -> dict[str, Any]:
    """The object of `route --json`."""
    return {
        "classification": asdict(decision.classification),
        "candidates": [_candidate_json(candidate) for candidate in decision.candidates],
        "rejected": [
            {"target": entry.target, "filter": entry.filter, "reason": entry.reason, "relaxation": entry.relaxation}
            for entry in decision.rejections
        ],
        "plan": list(decision.plan),
        "profile": decision.profile,
        "picker": decision.picker,
        "rule": decision.matched_rule or None,
        "votes": [asdict(vote) for vote in decision.votes],
        "warnings": list(decision.warnings),
        "decision_id": decision.decision_id,
        "trace_id": decision.trace_id,
    }


def _candidate_json(candidate: Candidate) -> dict[str, Any]:
    """One candidate."""
    return {
        "target": candidate.target,
        "score": candidate.score,
        "scores": {value.scorer: value.value for value in candidate.scores},
        "weights": {value.scorer: value.weight for value in candidate.scores},
        "raw": {value.scorer: finite(value.raw) for value in candidate.scores},
        "expected_cost_usd": float(candidate.expected_cost_usd),
        "expected_latency_ms": milliseconds(candidate.expected_latency),
        "simulated": candidate.simulated,
    }


def row_json(row: TargetRow) -> dict[str, Any]:
    """One element of `table --json`."""
    seconds = ("first_token", "latency", "latency_p95")
    shown: dict[str, Any] = {}
    for field in fields(row):
        value = getattr(row, field.name)
        if field.name in seconds:
            shown[f"{field.name}_ms"] = milliseconds(value)
        elif field.name == "spent_nanodollars":
            shown["spent_usd"] = float(row.spent_usd)
        else:
            shown[field.name] = value.isoformat() if isinstance(value, datetime) else value
    return shown


def models_json(models: Models) -> dict[str, Any]:
    """The object of `models --json`."""
    return {
        "models": [_model_json(model) for model in models.models],
        "aliases": {name: list(targets) for name, targets in models.aliases.items()},
        "profiles": list(models.profiles),
        "default_profile": models.default_profile,
    }


def _model_json(model: Model) -> dict[str, Any]:
    """One model; prices in dollars per 1,000,000 tokens."""
    shown = asdict(model)
    for direction in ("input", "output"):
        nanodollars = shown.pop(f"{direction}_price_nanodollars")
        shown[f"{direction}_price_usd"] = None if nanodollars is None else float(Decimal(nanodollars).scaleb(-9))
    return shown


def error_json(error: TrunklineError) -> dict[str, Any]:
    """What is printed instead, where a call failed."""
    return {
        "error": {
            "kind": type(error).__name__,
            "reason": error.reason or None,
            "message": error.message,
            "violations": [asdict(violation) for violation in error.violations],
            "retry_after_ms": milliseconds(error.retry_after),
        },
        "attempts": [attempt_json(attempt) for attempt in error.attempts],
        "decision_id": error.decision_id,
        "trace_id": error.trace_id,
    }


def milliseconds(seconds: float | None) -> float | None:
    """Seconds as milliseconds, to the microsecond."""
    return None if seconds is None else round(seconds * 1000, 3)


def finite(figure: float | None) -> float | None:
    """The figure; None for an endless one, which JSON cannot express."""
    return figure if figure is not None and math.isfinite(figure) else None
