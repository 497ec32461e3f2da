"""What a worker says of itself, as values."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from types import MappingProxyType

from msgspec import Struct
from msgspec.structs import replace

from router_service.domain.target import Price
from service_common.failures import FailureClass
from service_common.vocabulary import Locality, ModelMode, Sensitivity, WorkerState


class ModelReport(Struct, frozen=True):
    """What a worker reports of one model. None: not known.

    Attributes:
        model: without the backend's name.
        context_window, max_output: tokens.
        remote: runs in a provider's cloud although the backend is a local server.
        doubt: what speaks against it although it may be tried, for a person.
    """

    model: str
    mode: ModelMode | None = None
    context_window: int | None = None
    max_output: int | None = None
    abilities: frozenset[str] = frozenset()
    embedding_dimensions: int | None = None
    price: Price | None = None
    remote: bool = False
    doubt: str = ""


class WorkerHello(Struct, frozen=True):
    """Who a worker is and what it serves.

    Attributes:
        worker_id: identifies the worker across reconnects.
        epoch: grows with each start of the worker.
        capacity: most attempts at once, at least 1.
        clearance: the highest sensitivity that the worker lets through.
        state_failure: the failure of its provider for which it is unhealthy; None: not known, or another cause.
        takes_any_model: it hands any model's name on to its provider, also one that it did not list.
    """

    worker_id: str
    epoch: int
    backend: str
    provider: str
    models: tuple[ModelReport, ...]
    capacity: int
    locality: Locality = Locality.REMOTE
    clearance: Sensitivity = Sensitivity.INTERNAL
    region: str = ""
    labels: Mapping[str, str] = {}
    version: str = ""
    simulated: bool = False
    state: WorkerState = WorkerState.READY
    state_reason: str = ""
    state_failure: FailureClass | None = None
    takes_any_model: bool = False


class RateLimitStatus(Struct, frozen=True):
    """What is left of the provider's rate limit; None: not known. Times in seconds until the window renews."""

    remaining_requests: int | None = None
    remaining_tokens: int | None = None
    limit_requests: int | None = None
    limit_tokens: int | None = None
    requests_reset: float | None = None
    tokens_reset: float | None = None

    @property
    def share_left(self) -> float | None:
        """The scarcer of requests and tokens, 0..1; None: not known."""
        pairs = ((self.remaining_requests, self.limit_requests), (self.remaining_tokens, self.limit_tokens))
        shares = [max(0.0, min(1.0, left / limit)) for left, limit in pairs if left is not None and limit]
        return min(shares) if shares else None


class WorkerHeartbeat(Struct, frozen=True):
    """How a worker fares.

    Attributes:
        sequence: 1 for the first of a session, then one more each time.
        in_flight, queued: attempts that it runs, and that wait in it, for all routers.
        state_failure: as in the hello.
        resident_models: in memory (local servers).
    """

    sequence: int
    in_flight: int = 0
    queued: int = 0
    state: WorkerState = WorkerState.READY
    state_reason: str = ""
    state_failure: FailureClass | None = None
    rate_limit: RateLimitStatus | None = None
    resident_models: frozenset[str] = frozenset()


class WorkerReport(Struct, frozen=True):
    """Everything that an attached worker has said, and that it has not.

    Attributes:
        models: what it serves, by model.
        last: its newest heartbeat; before the first, as its hello has it.
        heard_wall: when that came; None: none did.
        suspect: a heartbeat is late.
        draining: it takes no more work, whatever its heartbeats say.
    """

    hello: WorkerHello
    models: Mapping[str, ModelReport]
    last: WorkerHeartbeat
    heard_wall: datetime | None = None
    suspect: bool = False
    draining: bool = False
    draining_reason: str = ""

    @classmethod
    def begun(cls, hello: WorkerHello) -> "WorkerReport":
        """What a hello alone says."""
        last = WorkerHeartbeat(
            sequence=0, state=hello.state, state_reason=hello.state_reason, state_failure=hello.state_failure
        )
        return cls(hello, _by_name(hello.models), last)

    def with_heartbeat(self, heartbeat: WorkerHeartbeat, wall: datetime) -> "WorkerReport":
        """It is heard again."""
        return replace(self, last=heartbeat, heard_wall=wall, suspect=False)

    def with_models(self, models: Iterable[ModelReport]) -> "WorkerReport":
        """It serves these now, and no others."""
        return replace(self, models=_by_name(models))


def _by_name(models: Iterable[ModelReport]) -> Mapping[str, ModelReport]:
    return MappingProxyType({report.model: report for report in models})
