"""What the router orders of a worker and what the worker says back, as values. The link turns them into frames."""

from typing import Protocol

from msgspec import Struct
from opentelemetry.context import Context

from provider_workers.backends.base import Finish, Pulling, Reasoning, Responded, Text, TokenUsage, ToolDelta
from service_common.failures import FailureClass
from service_common.vocabulary import Operation, Sensitivity


class Order(Struct, frozen=True):
    """One attempt to make. Times are seconds.

    Attributes:
        attempt_id: unique in its session.
        body: the caller's request, serialised; empty where `body_size` says that it is to be fetched.
        credit: bytes of deltas that may be sent before more is granted.
        prefill: text of the answer so far, to be continued.
        whole: the caller takes the answer whole: its pieces may be held back for a moment and sent together.
    """

    attempt_id: int
    operation: Operation
    model: str
    body: bytes
    body_size: int
    time_left: float
    first_token_timeout: float
    idle_timeout: float
    credit: int
    sensitivity: Sensitivity
    prefill: str = ""
    whole: bool = False
    trace: Context | None = None


class Answered(Struct, frozen=True):
    """The answer is whole. Times are seconds since the order came."""

    finish: Finish
    usage: TokenUsage | None
    first_token: float | None
    duration: float
    body: bytes = b""
    body_uploaded: bool = False


class Failed(Struct, frozen=True):
    """The attempt failed. `message` holds no secrets; `duration` is seconds since the order came."""

    failure_class: FailureClass
    message: str
    http_status: int = 0
    retry_after: float | None = None
    backend_wide: bool = False
    usage: TokenUsage | None = None
    duration: float = 0.0


Delta = Responded | Text | Reasoning | ToolDelta | TokenUsage | Pulling
Report = Delta | Answered | Failed


class AttemptSink(Protocol):
    """Where an attempt's reports go: the session that ordered it."""

    def report(self, attempt_id: int, report: Report) -> None:
        """Pass a report on, in order; of a session that is gone, drop it."""
        ...

    async def fetch_body(self, order: Order) -> bytes:
        """The request's body, where it did not fit the order.

        Raises:
            ProviderFailure: `WORKER_LOST`, the router did not give it out.
        """
        ...

    async def upload_body(self, attempt_id: int, body: bytes) -> None:
        """Hand a result over that does not fit a report.

        Raises:
            ProviderFailure: `WORKER_LOST`, the router did not take it.
        """
        ...
