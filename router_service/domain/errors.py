"""How a call fails. The servicer turns each into one gRPC status with details; nothing else in the router does.

RouterError
+- InvalidRequest        the caller's mistake, with the fields         INVALID_ARGUMENT
+- NoTarget              nothing fits the constraints                  FAILED_PRECONDITION
+- CallFailed            every attempt failed                          by the last failure's class
+- Exhausted             no capacity, or a limit reached               RESOURCE_EXHAUSTED
+- KeyReused             an idempotency key of another request       ALREADY_EXISTS
+- DeadlinePassed        the caller's time is over                     DEADLINE_EXCEEDED
+- NotFound              no such target, profile, ...  (admin)         NOT_FOUND
+- NotKept               the database cannot keep a change (admin)     UNAVAILABLE
"""

from collections.abc import Iterable

from msgspec import Struct

from router_service.domain.attempt import AttemptRecord
from router_service.domain.decision import Decision
from service_common.near_names import suggest

SHORTEST_RETRY = 1.0
"""Seconds after which to come back where capacity is lacking and nobody knows for how long."""


class Violation(Struct, frozen=True):
    """One mistake in a request: the field's path (empty: the whole), and what is wrong and what would be right."""

    field: str
    description: str


class RouterError(Exception):
    """A call failed.

    Attributes:
        reason: stable, UPPER_SNAKE_CASE.
        message: what is wrong and what to do, for a person.
        headline: the same without the attempts, for whoever is shown these as well.
    """

    reason = "INTERNAL"

    def __init__(
        self,
        message: str,
        *,
        decision: Decision | None = None,
        attempts: tuple[AttemptRecord, ...] = (),
        retry_after: float | None = None,
        headline: str = "",
    ) -> None:
        """Keep what the caller is told: `retry_after` in seconds; no `headline`: the message."""
        super().__init__(message)
        self.message = message
        self.headline = headline or message
        self.decision = decision
        self.attempts = attempts
        self.retry_after = retry_after


class InvalidRequest(RouterError):
    """The request has mistakes; nothing was sent to any provider."""

    reason = "INVALID_REQUEST"

    def __init__(self, violations: tuple[Violation, ...]) -> None:
        """Name every mistake in the message."""
        super().__init__("; ".join(f"{v.field}: {v.description}" if v.field else v.description for v in violations))
        self.violations = violations


class NoTarget(RouterError):
    """No target passes the filters; the decision's rejections say why."""

    reason = "NO_TARGET"


class CallFailed(RouterError):
    """Every attempt failed; `attempts` says how."""

    reason = "ALL_ATTEMPTS_FAILED"


class Exhausted(RouterError):
    """There is no capacity now, or a limit is reached; `retry_after` says when to come back."""

    reason = "EXHAUSTED"


class KeyReused(RouterError):
    """The idempotency key belongs to another request; nothing was sent."""

    reason = "IDEMPOTENCY_KEY_REUSED"


class DeadlinePassed(RouterError):
    """The caller's deadline passed before an answer was whole."""

    reason = "DEADLINE_PASSED"


class NotFound(RouterError):
    """There is no such thing; the message names the nearest."""

    reason = "NOT_FOUND"

    @classmethod
    def among(cls, kind: str, name: str, known: Iterable[str], advice: str = "") -> "NotFound":
        """There is no `kind` of that name; those that are nearest of the `known`, else the first of these.

        `advice`: a sentence on what else may help.
        """
        hint = suggest(name, known, most=2) or "There is none."
        return cls(f'no {kind} "{name}". {hint} {advice}'.rstrip())


class NotKept(RouterError):
    """The database does not take what was to hold after a restart; nothing was changed."""

    reason = "NOT_KEPT"
