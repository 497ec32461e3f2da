"""How the attempt loop reaches the workers, whatever carries the frames."""

from collections.abc import Sequence
from typing import Protocol

from msgspec import Struct

from router_service.contracts.recording import AttemptRecording
from router_service.domain.attempt import AttemptRecord, Failure
from router_service.domain.signals import AttemptSignal
from router_service.domain.target import TargetSpec
from service_common.deadline import Deadline
from service_common.vocabulary import AttemptKind, Operation, Sensitivity

LONGEST_PREFILL = 60 * 1024
"""Bytes of an answer that can still be continued: more does not fit into the message that begins an attempt."""


class AttemptOrder(Struct, frozen=True):
    """One attempt to be made.

    Attributes:
        body: the caller's serialised request, as it came.
        deadline: end of the attempt.
        first_token_timeout, idle_timeout: seconds.
        prefill: text of the answer so far, to be continued, at most LONGEST_PREFILL; empty: from the start.
        whole: the caller takes the answer whole, so that nobody awaits a piece of it.
        input_tokens: estimate, for the usage of attempts that report none; `output_tokens`: as expected.
        comparable: the prompt is texts and nothing else, so that the usage reported tells how good `input_tokens` was.
        replaced: why the previous attempt failed.
        upkeep: the router makes it for the target's sake, outside of any call: in every state, and counted nowhere.
        circuit_waived: it is made although the target's circuit is open, because every one is.
        recording: told once, when the attempt settles.
    """

    decision_id: str
    number: int
    kind: AttemptKind
    spec: TargetSpec
    operation: Operation
    body: bytes
    sensitivity: Sensitivity
    deadline: Deadline
    first_token_timeout: float
    idle_timeout: float
    recording: AttemptRecording
    whole: bool = False
    input_tokens: int = 0
    output_tokens: int = 0
    comparable: bool = True
    prefill: str = ""
    tenant: str = "default"
    task: str = "default"
    replaced: Failure | None = None
    circuit_waived: bool = False
    upkeep: bool = False


class Refusal(Struct, frozen=True):
    """No attempt could be started on a target: nothing was sent, nothing is claimed, no attempt is spent.

    Attributes:
        reason: why, for a person.
        retry_after: seconds until it may help to ask again; None: not known.
        at_capacity: the target serves, but has no slot free now, or a limit is reached: waiting helps.
    """

    reason: str
    retry_after: float | None = None
    at_capacity: bool = False


class RunningAttempt(Protocol):
    """An attempt that a worker has. It outlives the call: it settles exactly once, whoever is listening."""

    @property
    def worker_id(self) -> str:
        """The worker that runs it."""
        ...

    @property
    def record(self) -> AttemptRecord | None:
        """The settled attempt; None while it runs."""
        ...

    async def read(self) -> Sequence[AttemptSignal]:
        """Everything that arrived since the last read, at least one signal; renews the worker's credit.

        The last signal of an attempt is `Finished` or `Failed` (also when the worker is lost); reading on after it is
        an error. Waits without a limit of its own: the attempt loop holds the timers.
        """
        ...

    def cancel(self, failure: Failure) -> AttemptRecord:
        """Stop it: the worker closes the provider's socket. Returns the attempt as known now, usage estimated.

        It settles with `failure` (class `CANCELLED` where nobody waits any more, a timeout class where it was too
        slow) and the worker's late usage, or an estimate of it. Without effect once it has settled.
        """
        ...


class Dispatcher(Protocol):
    """Starts attempts on attached workers."""

    def start(self, order: AttemptOrder) -> RunningAttempt | Refusal:
        """Claim slot and half-open probe at once, and send the work; or say why not. Never waits."""
        ...
