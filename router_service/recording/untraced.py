"""The recorder of a router that exports no traces: it keeps nothing and passes the caller's trace context on."""

from msgspec import Struct

from router_service.contracts.recording import AttemptRecording, CallOrigin, CallRecording
from router_service.domain.attempt import AttemptRecord, Failure
from router_service.domain.decision import Decision
from router_service.domain.events import Completed
from router_service.domain.request import Request
from router_service.domain.target import TargetSpec
from service_common.vocabulary import AttemptKind


class UntracedRecorder:
    """Opens recordings that keep nothing."""

    def call_started(self, origin: CallOrigin) -> CallRecording:
        """A recording that only knows the caller's trace context."""
        return UntracedCall(origin.traceparent, origin.tracestate)


class UntracedCall(Struct, frozen=True):
    """A call, and its attempts, of which nothing is kept."""

    traceparent: str
    tracestate: str

    @property
    def trace_id(self) -> str:
        """None."""
        return ""

    @property
    def wants_content(self) -> bool:
        """Never."""
        return False

    def decision_made(self, request: Request, decision: Decision) -> None:
        """Keep nothing."""

    def attempt_started(
        self, decision: Decision, number: int, spec: TargetSpec, kind: AttemptKind, replaced: Failure | None
    ) -> AttemptRecording:
        """The same object serves for the attempts: it only carries the trace context."""
        return self

    def settled(self, record: AttemptRecord) -> None:
        """Keep nothing."""

    def withdrawn(self, reason: str) -> None:
        """Keep nothing."""

    def completed(self, event: Completed, text: str) -> None:
        """Keep nothing."""

    def ended(self, status: str, error: str = "") -> None:
        """Keep nothing."""
