"""Builders for tests of the link and the table: a small catalogue, orders, hellos, and the parts wired together."""

from dataclasses import dataclass, field
from typing import Any

from router_service.contracts.dispatch import AttemptOrder
from router_service.contracts.engine import Catalogue
from router_service.dispatch.attempt import Attempt
from router_service.dispatch.link import LinkSettings, WorkerLink
from router_service.dispatch.registry import AttemptRegistry
from router_service.dispatch.sessions import SessionDirectory
from router_service.domain.policy import RoutingPolicy
from router_service.domain.profile import Profile
from router_service.domain.target import BackendPolicy, Price, TargetSpec
from router_service.domain.worker import ModelReport, WorkerHello
from router_service.state.table import Table
from service_common.clock import Clock
from service_common.deadline import Deadline
from service_common.facts.table import FactsTable
from service_common.vocabulary import AttemptKind, Operation, Sensitivity
from tests.support.fakes import FakeClock, KeptRecording
from tests.support.settings import attempt_limits, cache_limits, table_settings

PRICE = Price(input=1_000_000, output=2_000_000, cached_input=500_000)
"""One nano-dollar per prompt token, two per answer token."""


def spec(name: str, **changes: Any) -> TargetSpec:
    """The configured target `backend/model`."""
    backend, model = name.split("/", 1)
    values: dict[str, Any] = {"name": name, "backend": backend, "model": model, "provider": "openai", "price": PRICE}
    return TargetSpec(**(values | changes))


def catalogue(*targets: TargetSpec, backends: tuple[BackendPolicy, ...] = (), version: str = "1") -> Catalogue:
    """A configuration of these targets; backends that are not given are plain ones."""
    policies = {target.backend: BackendPolicy(target.backend, "openai_wire", "openai") for target in targets}
    policies |= {policy.name: policy for policy in backends}
    return Catalogue(
        version=version,
        targets={target.name: target for target in targets},
        backends=policies,
        aliases={},
        profiles={"balanced": Profile("balanced", {"cost": 1.0}, attempt_limits())},
        default_profile="balanced",
        policy=RoutingPolicy(cache_limits()),
    )


def hello(worker_id: str = "w1", backend: str = "a", models: tuple[str, ...] = ("m",), **changes: Any) -> WorkerHello:
    """A worker's hello."""
    reports = tuple(ModelReport(model) for model in models)
    values: dict[str, Any] = {
        "epoch": 1,
        "provider": "openai",
        "models": reports,
        "capacity": 4,
        "clearance": Sensitivity.CONFIDENTIAL,
    }
    return WorkerHello(worker_id=worker_id, backend=backend, **(values | changes))


def order(clock: Clock, target: TargetSpec, **changes: Any) -> AttemptOrder:
    """A first attempt on a target with 60 s of time."""
    values: dict[str, Any] = {
        "decision_id": "d1",
        "number": 1,
        "kind": AttemptKind.FIRST,
        "spec": target,
        "operation": Operation.COMPLETE,
        "body": b"request",
        "sensitivity": Sensitivity.INTERNAL,
        "deadline": Deadline.after(clock, 60.0),
        "first_token_timeout": 10.0,
        "idle_timeout": 10.0,
        "recording": KeptRecording(),
        "input_tokens": 100,
    }
    return AttemptOrder(**(values | changes))


@dataclass
class Parts:
    """Registry, sessions, table and link as the router wires them."""

    catalogue: Catalogue
    clock: Any = field(default_factory=FakeClock)
    settings: LinkSettings = field(default_factory=LinkSettings)

    def __post_init__(self) -> None:
        """Wire them."""
        self.kept = KeptRecording()
        self.sessions = SessionDirectory()
        self.table = Table(self.catalogue, FactsTable({}, "none"), self.clock, table_settings())
        self.registry = AttemptRegistry(self.clock, self.sessions, self.table, [self.kept])
        self.link = WorkerLink(self.clock, self.sessions, self.registry, self.table, self.settings)

    def start(self, target: str, **changes: Any) -> Attempt:
        """Start an attempt that must not be refused."""
        attempt = self.registry.start(order(self.clock, self.catalogue.targets[target], **changes))
        assert isinstance(attempt, Attempt), attempt
        return attempt
