"""How a call can fail, as exceptions.

TrunklineError
+- InvalidRequest      the request has mistakes; nothing was sent to any provider
+- NoTarget            no target fits what was asked for
+- CallFailed          every attempt failed; `attempts` says how
+- Exhausted           no capacity now, or a limit is reached; `retry_after` says when to come back
+- DeadlineExceeded    the time was over before an answer was whole
+- NotFound            there is no such target, decision, ...
+- Unavailable         no router can be reached, or it is going away
+- Cancelled           the call was cancelled on the other side, or here: its stream or its client was closed
+- Unauthorized        the router does not accept who calls
+- Unimplemented       this router has no such operation yet
+- InternalError       the router failed in a way that it does not explain
+- ProtocolError       the router's answer breaks the contract: a stream without its end, a reply that makes no sense

A task that is itself cancelled sees `asyncio.CancelledError` as everywhere, never `Cancelled`.
"""

from dataclasses import dataclass

from trunkline.answers import Attempt


@dataclass(frozen=True, slots=True)
class Violation:
    """One mistake in a request.

    Attributes:
        field: path of the field, such as `messages[0].content[1].image`.
        description: what is wrong and what would be right.
    """

    field: str
    description: str


@dataclass(frozen=True, slots=True)
class ErrorDetails:
    """What the router says about a failed call.

    Attributes:
        reason: stable, UPPER_SNAKE_CASE; empty where the router gave none.
        attempts: every attempt that was made, in order.
        violations: mistakes in the request.
        retry_after: seconds until another try makes sense, where that is known.
        decision_id: the decision, where one was made.
        trace_id: the trace, where there is one.
        status: the gRPC status' name, such as UNAVAILABLE; empty where no call was made.
        headline: the message without the attempts, for whoever shows these besides; empty: the message.
    """

    reason: str = ""
    attempts: tuple[Attempt, ...] = ()
    violations: tuple[Violation, ...] = ()
    retry_after: float | None = None
    decision_id: str = ""
    trace_id: str = ""
    status: str = ""
    headline: str = ""


class TrunklineError(Exception):
    """A call failed. `message` is for a person, `details` for a program."""

    def __init__(self, message: str, details: ErrorDetails | None = None) -> None:
        """Keep what is known about the failure."""
        super().__init__(message)
        self.message = message
        self.details = details or ErrorDetails()

    @property
    def reason(self) -> str:
        """Stable reason in UPPER_SNAKE_CASE; empty where the router gave none."""
        return self.details.reason

    @property
    def attempts(self) -> tuple[Attempt, ...]:
        """Every attempt that was made, in order."""
        return self.details.attempts

    @property
    def violations(self) -> tuple[Violation, ...]:
        """Mistakes in the request."""
        return self.details.violations

    @property
    def retry_after(self) -> float | None:
        """Seconds until another try makes sense, where that is known."""
        return self.details.retry_after

    @property
    def decision_id(self) -> str:
        """The decision, where one was made."""
        return self.details.decision_id

    @property
    def trace_id(self) -> str:
        """The trace, where there is one."""
        return self.details.trace_id


class InvalidRequest(TrunklineError):
    """The request has mistakes; `violations` names each. Nothing was sent to any provider."""


class NoTarget(TrunklineError):
    """No target fits what was asked for; `route` shows why each was rejected."""


class CallFailed(TrunklineError):
    """Every attempt failed; `attempts` says how."""


class Exhausted(TrunklineError):
    """There is no capacity now, or a limit is reached; `retry_after` says when to come back."""


class DeadlineExceeded(TrunklineError):
    """The time was over before an answer was whole."""


class NotFound(TrunklineError):
    """There is no such target, decision, ...; the message names the nearest."""


class Unavailable(TrunklineError):
    """No router can be reached, or it is going away."""


class Cancelled(TrunklineError):
    """The call was cancelled on the other side, or on this one because its stream or its client was closed."""


class Unauthorized(TrunklineError):
    """The router does not accept who calls."""


class Unimplemented(TrunklineError):
    """This router has no such operation yet."""


class InternalError(TrunklineError):
    """The router failed in a way that it does not explain."""


class ProtocolError(TrunklineError):
    """The router's answer breaks the contract, such as a stream that ends without its `completed`."""
