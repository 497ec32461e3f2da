"""What a call asks of the engine."""

from collections.abc import Mapping
from typing import Protocol

from msgspec import Struct

from router_service.domain.decision import Decision, Rejection
from router_service.domain.policy import RoutingPolicy
from router_service.domain.profile import Profile
from router_service.domain.request import Request
from router_service.domain.target import BackendPolicy, TableSnapshot, TargetSpec, TargetView


class Catalogue(Struct, frozen=True):
    """What one version of the configuration says: a call keeps the one that it began with.

    Attributes:
        targets: configured ones by name; the table adds what its workers discover.
        backends: by name.
        aliases: targets by alias, nested aliases resolved.
        chains: explicit fallback orders by alias.
        profiles: by name.
        policy: what steers kinds of requests.
    """

    version: str
    targets: Mapping[str, TargetSpec]
    backends: Mapping[str, BackendPolicy]
    aliases: Mapping[str, tuple[str, ...]]
    profiles: Mapping[str, Profile]
    default_profile: str
    policy: RoutingPolicy
    chains: Mapping[str, tuple[str, ...]] = {}


class Hop(Struct, frozen=True):
    """What is known when the next target is about to be tried.

    Attributes:
        time_left: seconds until the caller's deadline.
        spent: nano-dollars of the attempts so far.
        tried: targets tried so far.
    """

    time_left: float
    spent: int
    tried: frozenset[str]


class TokenEstimator(Protocol):
    """Counts tokens without a tokenizer. A family is a group of models that count alike."""

    def family_of(self, provider: str, model: str) -> str:
        """The family of a model; called once per target."""
        ...

    def estimate(self, request: Request, family: str) -> int:
        """Tokens of the whole prompt as this family counts them, corrected by what providers reported."""
        ...

    def observations(self, family: str) -> int:
        """Answers whose reported usage corrected the estimates of a family."""
        ...


class Engine(Protocol):
    """Decides: a pure function of request, snapshot, configuration and seed."""

    @property
    def catalogue(self) -> Catalogue:
        """The version of the configuration that it decides by."""
        ...

    def decide(self, request: Request, snapshot: TableSnapshot, time_left: float, *, cursor: int = 0) -> Decision:
        """The whole decision; its plan is empty where nothing fits.

        Raises:
            InvalidRequest: the request names a profile, alias, target or capability that does not exist.
        """
        ...

    def targets_of(self, request: Request, snapshot: TableSnapshot) -> tuple[TargetView, ...]:
        """The targets that a request is about, before any filter.

        Raises:
            InvalidRequest: the request names something that does not exist.
        """
        ...

    def recheck(
        self, request: Request, decision: Decision, target: str, snapshot: TableSnapshot, hop: Hop
    ) -> Rejection | None:
        """Whether `target` may still be tried now: the hard filters on the state of this moment. None: it may."""
        ...

    def explain(self, decision: Decision) -> str:
        """Why a decision's plan is empty, per target, and the nearest relaxation that would admit one; for a person."""
        ...
