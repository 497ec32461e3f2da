"""Recordings that keep nothing and pass a trace context on: where there are no traces, or a call is not sampled."""

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
    """A call, and its attempts, of which nothing is kept.

    Attributes:
        traceparent, tracestate: the W3C trace context that workers are told.
        trace_id: 32 hexadecimal digits; empty: there are no traces.
    """

    traceparent: str
    tracestate: str
    trace_id: str = ""

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
