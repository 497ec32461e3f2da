"""What is known about a target: configuration over the workers' reports over the table of facts."""

from collections.abc import Sequence
from typing import Any

from msgspec.structs import replace

from router_service.domain.model_facts import abilities_in, mode_in, price_in
from router_service.domain.target import FREE, BackendPolicy, TargetSpec
from router_service.domain.worker import ModelReport, WorkerReport
from service_common.backend_kinds import BACKEND_KINDS
from service_common.facts.model import ModelFacts
from service_common.vocabulary import Locality, ModelMode, Sensitivity

LOCAL = (Locality.HOST, Locality.PRIVATE)


def discovered(policy: BackendPolicy, report: ModelReport, facts: ModelFacts | None) -> TargetSpec:
    """The target of a model that a worker reports and the configuration does not list."""
    spec = TargetSpec(
        name=f"{policy.name}/{report.model}",
        backend=policy.name,
        model=report.model,
        provider=policy.provider,
        mode=report.mode or ModelMode.CHAT,
        enabled=policy.enabled,
        simulated=policy.simulated,
        priors=policy.priors,
        abilities=frozenset({"streaming"}),
    )
    if facts is None:
        return spec
    return replace(
        spec,
        mode=report.mode or mode_in(facts),
        context_window=facts.context_window,
        max_output=facts.max_output,
        abilities=spec.abilities | abilities_in(facts),
        price=price_in(facts),
        embedding_dimensions=facts.dimensions,
        # A provider's own date of retirement means nothing to what only stands in for it.
        retires_on=None if policy.simulated else facts.deprecated_on,
    )


def merged(spec: TargetSpec, policy: BackendPolicy, sessions: Sequence[WorkerReport]) -> TargetSpec:
    """The target with what its workers report where the configuration is silent, and the clearance that both allow."""
    reporting = [session for session in sessions if spec.model in session.models] or list(sessions)
    reports = [session.models[spec.model] for session in reporting if spec.model in session.models]
    changes: dict[str, Any] = {}
    kind = BACKEND_KINDS[policy.kind]
    for report in reports:
        changes |= _reported(report)
    remote = spec.remote or any(report.remote for report in reports) or kind.runs_in_cloud(spec.model)
    changes["remote"] = remote
    changes["abilities"] = spec.abilities | frozenset(ability for report in reports for ability in report.abilities)
    locality = max((session.hello.locality for session in reporting), default=spec.locality)
    local = kind.runs_models and not remote
    if local:
        changes["price"] = FREE
    changes = {name: value for name, value in changes.items() if name not in spec.configured}
    return replace(
        spec,
        **changes,
        locality=locality,
        clearance=_clearance(policy, reporting, local=local and locality in LOCAL, remote=remote),
        region=spec.region or policy.region or next((s.hello.region for s in reporting if s.hello.region), ""),
        simulated=spec.simulated or policy.simulated or any(session.hello.simulated for session in reporting),
        enabled=spec.enabled and policy.enabled,
        cut_off=policy.offline and bool(reporting) and (remote or locality not in LOCAL),
    )


def _reported(report: ModelReport) -> dict[str, Any]:
    known = {
        "mode": report.mode,
        "context_window": report.context_window,
        "max_output": report.max_output,
        "embedding_dimensions": report.embedding_dimensions,
        "price": report.price,
    }
    return {name: value for name, value in known.items() if value is not None}


def _clearance(policy: BackendPolicy, reporting: Sequence[WorkerReport], *, local: bool, remote: bool) -> Sensitivity:
    """What the configuration allows, or its default; never more than any worker lets through.

    A model that runs in the provider's cloud although its backend is a local server never sees confidential data.
    """
    if policy.clearance is None:
        allowed = Sensitivity.CONFIDENTIAL if local and reporting else Sensitivity.INTERNAL
    else:
        allowed = policy.clearance
    if remote:
        allowed = min(allowed, Sensitivity.INTERNAL)
    return min([allowed, *(session.hello.clearance for session in reporting)])
