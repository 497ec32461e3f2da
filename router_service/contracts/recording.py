"""The one interface through which decisions and settled attempts are recorded, whoever keeps them."""

from typing import Protocol

from msgspec import Struct

from router_service.domain.attempt import AttemptRecord, Failure
from router_service.domain.decision import Decision
from router_service.domain.events import Completed
from router_service.domain.request import Request
from router_service.domain.target import TargetSpec
from service_common.vocabulary import AttemptKind


class CallOrigin(Struct, frozen=True):
    """Where a call came from.

    Attributes:
        method: the full name of the procedure, such as `trunkline.router.v1.RouterService/Complete`.
        traceparent, tracestate: the caller's W3C trace context; empty where it sent none.
        peer: the caller's address.
    """

    method: str
    traceparent: str = ""
    tracestate: str = ""
    peer: str = ""


class AttemptRecording(Protocol):
    """Follows one attempt to its settlement."""

    @property
    def traceparent(self) -> str:
        """W3C trace context of the attempt's span; empty without tracing."""
        ...

    @property
    def tracestate(self) -> str:
        """W3C trace state; mostly empty."""
        ...

    def settled(self, record: AttemptRecord) -> None:
        """The attempt came to an end; called exactly once, unless it was withdrawn."""
        ...

    def withdrawn(self, reason: str) -> None:
        """The attempt was not started after all: nothing was sent and nothing is recorded of it but this reason."""
        ...


class CallRecording(Protocol):
    """Follows one call from its arrival to its status."""

    @property
    def trace_id(self) -> str:
        """Hexadecimal; empty without tracing."""
        ...

    @property
    def wants_content(self) -> bool:
        """Whether prompts and answers are to be recorded: only where the configuration says so."""
        ...

    def decision_made(self, request: Request, decision: Decision) -> None:
        """The engine has decided."""
        ...

    def attempt_started(
        self, decision: Decision, number: int, spec: TargetSpec, kind: AttemptKind, replaced: Failure | None
    ) -> AttemptRecording:
        """An attempt is about to be made; `replaced` is why the previous one failed."""
        ...

    def completed(self, event: Completed, text: str) -> None:
        """The answer is whole; `text` is empty unless content is wanted."""
        ...

    def ended(self, status: str, error: str = "") -> None:
        """The call is over, with this gRPC status name; `error` says why it failed. Called exactly once, last."""
        ...


class Recorder(Protocol):
    """Opens the recording of a call."""

    def call_started(self, origin: CallOrigin) -> CallRecording:
        """A call has arrived."""
        ...


class AttemptObserver(Protocol):
    """Is told of every settled attempt: the table, the circuits, the metrics, the ledger."""

    def attempt_settled(self, record: AttemptRecord) -> None:
        """Take note; must not wait nor raise."""
        ...
