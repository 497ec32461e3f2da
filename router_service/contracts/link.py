"""Between the link to the workers and its neighbours: the wire below it, and the health and load table beside it."""

from collections.abc import Collection
from typing import Protocol

from msgspec import Struct

from router_service.contracts.dispatch import AttemptOrder, Refusal
from router_service.domain.attempt import AttemptRecord
from router_service.domain.worker import WorkerReport


class SessionLink(Protocol):
    """The way to one attached worker. Nothing here waits: frames are queued, control before work."""

    def send_dispatch(self, attempt_id: int, order: AttemptOrder, credit: int) -> None:
        """Give the worker an attempt and `credit` bytes of deltas to begin with."""
        ...

    def send_cancel(self, attempt_id: int, reason: str) -> None:
        """Stop an attempt."""
        ...

    def send_credit(self, attempt_id: int, amount: int) -> None:
        """Allow `amount` more bytes of deltas."""
        ...

    def send_drain(self, grace: float, reason: str) -> None:
        """Ask the worker to take no more work and to leave within `grace` seconds."""
        ...

    def close(self, reason: str) -> None:
        """End the stream; the worker may attach again."""
        ...


class Claim(Struct, frozen=True):
    """A slot taken on a target until the attempt settles.

    Attributes:
        probe: it is the one attempt that a half-open circuit lets through.
        waived: it was let through although the circuit is open: its success closes it, its failure tells nothing new.
        upkeep: made for the target's sake: its outcome says nothing of how it serves callers.
        listed: the table has a row of the target; a model that is yet to be pulled has none.
        tokens: counted against limits per minute; None: not counted there.
        minute: number of the minute in which they count.
    """

    target: str
    backend: str
    probe: bool = False
    waived: bool = False
    upkeep: bool = False
    listed: bool = True
    tokens: int | None = None
    minute: int = 0


class AttemptGate(Protocol):
    """Lets attempts through to a target and takes their outcome: the table, to the registry of attempts."""

    def claim(self, order: AttemptOrder) -> Claim | Refusal:
        """Take a slot and, where the circuit is half open, the probe. Atomic; a claim is always settled."""
        ...

    def settle(self, claim: Claim, record: AttemptRecord) -> None:
        """Give the slot back and learn from the outcome."""
        ...


class SessionObserver(Protocol):
    """Is told how the workers' sessions fare: the table, to the link."""

    @property
    def backends(self) -> Collection[str]:
        """Names of the configured backends."""
        ...

    def session_attached(self, session_id: str, report: WorkerReport) -> None:
        """A worker is there."""
        ...

    def session_lost(self, session_id: str) -> None:
        """It is gone."""
        ...

    def session_reported(self, session_id: str, report: WorkerReport) -> None:
        """It says how it fares, is late to say so, or takes no more work."""
        ...

    def session_models(self, session_id: str, report: WorkerReport) -> None:
        """Its models changed."""
        ...

    def cool_down_session(self, session_id: str, model: str, seconds: float, reason: str) -> None:
        """The provider asked to be left alone: for one model, or (empty) the whole backend."""
        ...
