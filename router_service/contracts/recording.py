"""The one interface through which decisions and settled attempts are recorded, whoever keeps them."""

from typing import Protocol

from router_service.domain.attempt import AttemptRecord, Failure
from router_service.domain.decision import Decision
from router_service.domain.errors import RouterError
from router_service.domain.events import Completed
from router_service.domain.request import Request
from service_common.vocabulary import AttemptKind


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
    """Follows one call from its arrival to its last event."""

    @property
    def trace_id(self) -> str:
        """Hexadecimal; empty without tracing."""
        ...

    def decision_made(self, decision: Decision) -> None:
        """The engine has decided."""
        ...

    def attempt_started(
        self, decision: Decision, number: int, target: str, kind: AttemptKind, replaced: Failure | None
    ) -> AttemptRecording:
        """An attempt is about to be made; `replaced` is why the previous one failed."""
        ...

    def completed(self, event: Completed) -> None:
        """The answer is whole."""
        ...

    def failed(self, error: RouterError) -> None:
        """The call failed."""
        ...

    def cancelled(self) -> None:
        """The caller went away."""
        ...


class Recorder(Protocol):
    """Opens the recording of a call."""

    def call_started(self, request: Request) -> CallRecording:
        """A call has arrived; its server span is the current one."""
        ...


class AttemptObserver(Protocol):
    """Is told of every settled attempt: the table, the circuits, the metrics, the ledger."""

    def attempt_settled(self, record: AttemptRecord) -> None:
        """Take note; must not wait nor raise."""
        ...
