"""What a worker for one more provider must do: `BackendAdapter`. Nothing here knows of gRPC.

An adapter turns a request into its provider's wire and the provider's answer into pieces. It fails in one way only,
by raising `ProviderFailure`, and it never retries: the router does.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from msgspec import Struct
from opentelemetry.context import Context

from service_common.failures import FailureClass
from service_common.vocabulary import FinishReason, ModelMode, WorkerState
from trunkline.router.v1.router_service_pb2 import EmbedRequest
from trunkline.types.v1.chat_pb2 import CompletionRequest


class ProviderFailure(Exception):
    """The provider failed, in the words of `service_common.failures`."""

    def __init__(
        self,
        failure_class: FailureClass,
        message: str,
        *,
        http_status: int = 0,
        retry_after: float | None = None,
        backend_wide: bool = False,
    ) -> None:
        """Take what is known.

        Args:
            failure_class: what the router should understand.
            message: what the provider said; the worker scrubs secrets from it before it leaves.
            http_status: the provider's, 0 where there was none.
            retry_after: seconds that the provider asked to be left alone; None: it said nothing.
            backend_wide: whether that holds for every model of the backend.
        """
        super().__init__(message)
        self.failure_class = failure_class
        self.message = message
        self.http_status = http_status
        self.retry_after = retry_after
        self.backend_wide = backend_wide


class Responded(Struct, frozen=True):
    """The provider accepted the request and began to answer."""

    http_status: int


class Text(Struct, frozen=True):
    """More of the answer's text."""

    text: str


class Reasoning(Struct, frozen=True):
    """More of what the model thinks."""

    text: str


class ToolDelta(Struct, frozen=True):
    """More of a tool call. `index` counts the answer's calls from 0; `id` and `name` come with its first piece."""

    index: int
    id: str = ""
    name: str = ""
    arguments_json: str = ""


class TokenUsage(Struct, frozen=True):
    """Tokens so far, as the provider counts: cached ones are part of the input, reasoning part of the output."""

    input_tokens: int = 0
    output_tokens: int = 0
    cached_input_tokens: int = 0
    reasoning_tokens: int = 0


class Pulling(Struct, frozen=True):
    """How far a model pull has come, in bytes; 0 where not known."""

    status: str
    completed_bytes: int = 0
    total_bytes: int = 0


class Finish(Struct, frozen=True):
    """The answer is whole. Always the last piece; whatever the adapter does after it is tidying."""

    reason: FinishReason
    provider_model: str = ""
    provider_request_id: str = ""


Piece = Responded | Text | Reasoning | ToolDelta | TokenUsage | Pulling | Finish


class Work(Struct, frozen=True):
    """One chat answer to get. `prefill`: text of the answer so far, which the model is to continue."""

    model: str
    request: CompletionRequest
    prefill: str = ""
    trace: Context | None = None


class EmbedWork(Struct, frozen=True):
    """Vectors to get."""

    model: str
    request: EmbedRequest
    trace: Context | None = None


class Vectors(Struct, frozen=True):
    """One vector per input, in order. `usage` None: the provider reported none."""

    values: Sequence[Sequence[float]]
    usage: TokenUsage | None = None
    provider_model: str = ""
    provider_request_id: str = ""


@dataclass(frozen=True, slots=True)
class ModelDescription:
    """What the provider itself says of a model; 0, None and empty where it says nothing.

    Attributes:
        mode: what it is for; None: the router goes by what it knows.
        remote: runs in the provider's cloud although the backend is a local server.
        doubt: what speaks against it although it may be tried, for a person.
    """

    model: str
    mode: ModelMode | None = None
    context_window: int = 0
    max_output: int = 0
    abilities: frozenset[str] = frozenset()
    embedding_dimensions: int = 0
    remote: bool = False
    doubt: str = ""


@dataclass(frozen=True, slots=True)
class RateLimitLeft:
    """What the provider says is left of its rate limit; times in seconds, None where not known."""

    remaining_requests: int | None = None
    remaining_tokens: int | None = None
    requests_reset: float | None = None
    tokens_reset: float | None = None
    limit_requests: int | None = None
    limit_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class BackendDescription:
    """What a backend is and how it is now. `failure`: why it is unhealthy; None: for no failure of the provider."""

    models: tuple[ModelDescription, ...]
    state: WorkerState = WorkerState.READY
    state_reason: str = ""
    failure: FailureClass | None = None
    resident_models: tuple[str, ...] = ()


class BackendAdapter(Protocol):
    """One provider account or endpoint. Every method may be cancelled at any await and then closes its socket."""

    def rate_limit(self) -> RateLimitLeft | None:
        """What should be left now of the rate limit that the provider told of last; None: it never did."""
        ...

    def used_up(self, model: str) -> RateLimitLeft | None:
        """What the provider last said of a model's rate limit, where it said that nothing was left; else None."""
        ...

    async def describe(self) -> BackendDescription:
        """Ask the provider what it has and how it is. Never raises `ProviderFailure`: a failure is a state."""
        ...

    def complete(self, work: Work) -> AsyncIterator[Sequence[Piece]]:
        """Stream one answer. Each item holds what arrived in one read; the last piece of all is `Finish`.

        Raises:
            ProviderFailure: at any point; what was yielded before stands.
        """
        ...

    async def embed(self, work: EmbedWork) -> Vectors:
        """Turn texts into vectors.

        Raises:
            ProviderFailure: the provider failed or has no embeddings.
        """
        ...

    async def probe(self) -> None:
        """Find out, at no cost, whether the provider serves.

        Raises:
            ProviderFailure: it does not.
        """
        ...

    async def warm_up(self, model: str) -> None:
        """Load a model into memory; nothing to do for a provider that has no such thing.

        Raises:
            ProviderFailure: the model cannot be loaded.
        """
        ...

    def pull(self, model: str) -> AsyncIterator[Pulling]:
        """Fetch a model that is not there.

        Raises:
            ProviderFailure: it cannot be fetched, or the provider has no such thing.
        """
        ...

    async def close(self) -> None:
        """Let go of every socket."""
        ...
