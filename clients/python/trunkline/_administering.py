"""Operators' requests and what comes back; sync and async clients share it."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from trunkline._requests import refuse
from trunkline._wire import duration_of, number_of, seconds_of, time_of, word_of
from trunkline.admin.v1 import admin_service_pb2 as pb
from trunkline.operations import (
    ConfigurationChange,
    DrillResult,
    DrillStep,
    LatencySummary,
    PullProgress,
    TargetStatistics,
)

Form = Literal["yaml", "json"]


def state_request(
    name: str, state: pb.DesiredState.ValueType, reason: str, *, persist: bool
) -> pb.SetTargetStateRequest:
    """Asks for a target or backend to be switched."""
    return pb.SetTargetStateRequest(target=name, state=state, reason=reason, persist=persist)


def model_request(target: str, settings: Mapping[str, Any], *, persist: bool) -> pb.UpsertModelRequest:
    """Asks for a model to be added or changed.

    Raises:
        InvalidRequest: the settings cannot be written as JSON.
    """
    try:
        text = json.dumps(settings)
    except (TypeError, ValueError) as error:
        raise refuse("settings", f"cannot be written as JSON: {error}") from None
    return pb.UpsertModelRequest(target=target, settings_json=text, persist=persist)


def export_request(form: Form) -> pb.ExportConfigurationRequest:
    """Asks for the configuration.

    Raises:
        InvalidRequest: there is no such form.
    """
    try:
        return pb.ExportConfigurationRequest(format=number_of(pb.ConfigurationFormat, form))
    except ValueError as error:
        raise refuse("form", str(error)) from None


def change_of(message: pb.ImportConfigurationResponse | pb.ReloadConfigurationResponse) -> ConfigurationChange:
    """What is different."""
    return ConfigurationChange(message.configuration_version, tuple(message.changes))


def watch_request(min_interval: float) -> pb.WatchTableRequest:
    """Asks for the table after every change.

    Raises:
        InvalidRequest: the seconds cannot be sent.
    """
    try:
        return pb.WatchTableRequest(min_interval=duration_of(min_interval))
    except ValueError as error:
        raise refuse("min_interval", str(error)) from None


def drill_request(aliases: Sequence[str], prompt: str, *, estimate_only: bool) -> pb.RunDrillRequest:
    """Asks for a drill, or for what it would cost."""
    return pb.RunDrillRequest(aliases=aliases, prompt=prompt, estimate_only=estimate_only)


def drill_step_of(message: pb.RunDrillResponse) -> DrillStep:
    """One step of a drill."""
    told = "fault" if message.problem else None  # by a router that does not tell the kind
    return DrillStep(
        alias=message.alias,
        failed_targets=tuple(message.failed_targets),
        answered_by=message.answered_by,
        problem=message.problem,
        expected_cost_nanodollars=message.expected_cost_nanodollars,
        cost_nanodollars=message.cost_nanodollars,
        latency=seconds_of(message, "latency") or 0.0,
        problem_kind=word_of(pb.DrillProblemKind, message.problem_kind) or told,
        verdict=word_of(pb.DrillVerdict, message.verdict) or None,
    )


def drill_results_of(messages: Iterable[pb.DrillResult]) -> tuple[DrillResult, ...]:
    """What the newest drills came to."""
    return tuple(
        DrillResult(message.alias, time_of(message, "drilled_at"), message.holds, message.problem)
        for message in messages
    )


def pull_progress_of(message: pb.PullModelResponse) -> PullProgress:
    """How far a pull has come."""
    return PullProgress(message.status, message.completed_bytes, message.total_bytes)


def statistics_of(message: pb.GetStatisticsResponse) -> tuple[TargetStatistics, ...]:
    """One value per target."""
    return tuple(
        TargetStatistics(
            target=target.target,
            attempts=target.attempts,
            successes=target.successes,
            failures=dict(target.failures),
            latency=_summary_of(target.latency),
            first_token=_summary_of(target.first_token),
            tokens_per_second=target.tokens_per_second,
            spent_nanodollars=target.spent_nanodollars,
            input_tokens=target.input_tokens,
            output_tokens=target.output_tokens,
            reported_quality=target.reported_quality if target.HasField("reported_quality") else None,
        )
        for target in message.targets
    )


def _summary_of(message: pb.LatencySummary) -> LatencySummary:
    """A window."""
    return LatencySummary(
        message.samples, seconds_of(message, "mean"), seconds_of(message, "p50"), seconds_of(message, "p95")
    )
