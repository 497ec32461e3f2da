"""Targets, their facts and their rows on the wire."""

from router_service.contracts.engine import Catalogue
from router_service.domain.target import TableSnapshot, TargetSpec, TargetView
from router_service.server.wire import optional_duration, optional_timestamp
from trunkline.router.v1 import router_service_pb2 as router_pb
from trunkline.types.v1 import target_pb2 as target_pb


def models_response(catalogue: Catalogue, snapshot: TableSnapshot, backend: str) -> router_pb.ListModelsResponse:
    """Every target (of `backend`, where it is not empty), and the names that a caller may use instead."""
    views = (view for view in snapshot.targets.values() if backend in ("", view.spec.backend))
    return router_pb.ListModelsResponse(
        models=[_model(view) for view in views],
        aliases=[router_pb.Alias(name=name, targets=targets) for name, targets in sorted(catalogue.aliases.items())],
        profiles=sorted(catalogue.profiles),
        default_profile=catalogue.default_profile,
    )


def _model(view: TargetView) -> router_pb.ModelInfo:
    spec = view.spec
    return router_pb.ModelInfo(
        target=spec.name,
        facts=_facts(spec),
        quality=spec.quality,
        capabilities=dict(spec.capabilities),
        state=view.state.value,  # type: ignore[arg-type]
        state_reason=view.state_reason,
        clearance=spec.clearance.value,  # type: ignore[arg-type]
        simulated=spec.simulated,
        region=spec.region,
        provider=spec.provider,
        retires_on=spec.retires_on.isoformat() if spec.retires_on else "",
        successor=spec.successor,
    )


def _facts(spec: TargetSpec) -> target_pb.ModelFacts:
    price = spec.price
    return target_pb.ModelFacts(
        model=spec.model,
        mode=spec.mode.value,  # type: ignore[arg-type]
        context_window_tokens=spec.context_window or 0,
        max_output_tokens=spec.max_output or 0,
        abilities=sorted(spec.abilities),
        embedding_dimensions=spec.embedding_dimensions or 0,
        input_price_nanodollars=price.input if price else None,
        output_price_nanodollars=price.output if price else None,
        cached_input_price_nanodollars=price.cached_input if price else None,
        remote=spec.remote,
    )


def row_message(view: TargetView) -> target_pb.TargetRow:
    """One row of the health and load table."""
    metrics = view.metrics
    return target_pb.TargetRow(
        target=view.name,
        provider=view.spec.provider,
        state=view.state.value,  # type: ignore[arg-type]
        state_reason=view.state_reason,
        workers=view.workers,
        in_flight=view.in_flight,
        reported_in_flight=view.reported_in_flight,
        queued=view.queued,
        capacity=view.capacity,
        first_token=optional_duration(metrics.first_token),
        latency=optional_duration(metrics.latency),
        latency_p95=optional_duration(metrics.latency_p95),
        tokens_per_second=metrics.tokens_per_second or 0.0,
        success_rate=1.0 if metrics.success_rate is None else metrics.success_rate,
        attempts=view.attempts,
        last_error=view.last_error,
        last_error_at=optional_timestamp(view.last_error_wall),
        last_heartbeat_at=optional_timestamp(view.last_heartbeat_wall),
        clearance=view.spec.clearance.value,  # type: ignore[arg-type]
        region=view.spec.region,
        resident=view.resident,
        simulated=view.spec.simulated,
        health=metrics.health,
        availability=metrics.availability,
        locality=view.spec.locality.value,  # type: ignore[arg-type]
        spent_nanodollars=view.spent,
        assumed_share=metrics.assumed_share,
    )
