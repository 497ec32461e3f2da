"""From the router's messages about targets and workers to the values of this package."""

from collections.abc import Iterable

from trunkline import targets
from trunkline._wire import seconds_of, time_of, word_of
from trunkline.admin.v1 import admin_service_pb2 as admin_pb2
from trunkline.errors import ProtocolError
from trunkline.router.v1 import router_service_pb2 as router_pb2
from trunkline.types.v1 import classification_pb2, target_pb2


def models_of(message: router_pb2.ListModelsResponse) -> targets.Models:
    """Every target, alias and profile.

    Raises:
        ProtocolError: there is no default profile, which every router has.
    """
    if not message.default_profile:
        raise ProtocolError("the router listed no default profile; are client and router of one age?")
    return targets.Models(
        models=tuple(_model_of(model) for model in message.models),
        aliases={alias.name: tuple(alias.targets) for alias in message.aliases},
        profiles=tuple(message.profiles),
        default_profile=message.default_profile,
    )


def _model_of(message: router_pb2.ModelInfo) -> targets.Model:
    """A target with its facts and state; 0 on the wire means not known."""
    facts = message.facts
    priced_in = facts.HasField("input_price_nanodollars")
    priced_out = facts.HasField("output_price_nanodollars")
    return targets.Model(
        target=message.target,
        provider=message.provider,
        mode=word_of(target_pb2.ModelMode, facts.mode) or "chat",
        context_window_tokens=facts.context_window_tokens or None,
        max_output_tokens=facts.max_output_tokens or None,
        embedding_dimensions=facts.embedding_dimensions or None,
        abilities=tuple(facts.abilities),
        input_price_nanodollars=facts.input_price_nanodollars if priced_in else None,
        output_price_nanodollars=facts.output_price_nanodollars if priced_out else None,
        quality=message.quality,
        capabilities=dict(message.capabilities),
        state=word_of(target_pb2.TargetState, message.state),
        state_reason=message.state_reason,
        clearance=word_of(classification_pb2.Sensitivity, message.clearance),
        simulated=message.simulated,
        region=message.region,
        retires_on=message.retires_on,
        successor=message.successor,
    )


def rows_of(rows: Iterable[target_pb2.TargetRow]) -> tuple[targets.TargetRow, ...]:
    """The health and load table."""
    return tuple(_row_of(row) for row in rows)


def _row_of(message: target_pb2.TargetRow) -> targets.TargetRow:
    """One row of the table."""
    return targets.TargetRow(
        target=message.target,
        provider=message.provider,
        state=word_of(target_pb2.TargetState, message.state),
        state_reason=message.state_reason,
        workers=message.workers,
        in_flight=message.in_flight,
        reported_in_flight=message.reported_in_flight,
        queued=message.queued,
        capacity=message.capacity,
        first_token=seconds_of(message, "first_token"),
        latency=seconds_of(message, "latency"),
        latency_p95=seconds_of(message, "latency_p95"),
        tokens_per_second=message.tokens_per_second,
        success_rate=message.success_rate,
        attempts=message.attempts,
        last_error=message.last_error,
        last_error_at=time_of(message, "last_error_at"),
        last_heartbeat_at=time_of(message, "last_heartbeat_at"),
        clearance=word_of(classification_pb2.Sensitivity, message.clearance),
        region=message.region,
        resident=message.resident,
        simulated=message.simulated,
        available_at=time_of(message, "available_at"),
        health=message.health,
        availability=message.availability,
        locality=word_of(target_pb2.Locality, message.locality),
        spent_nanodollars=message.spent_nanodollars,
        assumed_share=message.assumed_share,
    )


def workers_of(message: admin_pb2.ListWorkersResponse) -> tuple[targets.Worker, ...]:
    """The attached workers."""
    return tuple(
        targets.Worker(
            worker_id=worker.worker_id,
            session_id=worker.session_id,
            backend=worker.backend,
            version=worker.version,
            attached_at=time_of(worker, "attached_at"),
            last_heartbeat_at=time_of(worker, "last_heartbeat_at"),
            in_flight=worker.in_flight,
            suspect=worker.suspect,
            draining=worker.draining,
            peer=worker.peer,
        )
        for worker in message.workers
    )
