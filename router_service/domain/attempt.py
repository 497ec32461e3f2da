"""Attempts: one target tried once, and what it came to. A failure is a value here, never an exception."""

from datetime import datetime

from msgspec import Struct

from service_common.failures import POLICIES, FailureClass
from service_common.vocabulary import AttemptKind, FinishReason, Operation


class Usage(Struct, frozen=True):
    """Tokens of one answer. `estimated`: the provider reported none, or the attempt was cut short."""

    input_tokens: int = 0
    output_tokens: int = 0
    cached_input_tokens: int = 0
    reasoning_tokens: int = 0
    estimated: bool = False


class Failure(Struct, frozen=True):
    """Why an attempt failed.

    Attributes:
        message: what the provider or worker said, scrubbed of secrets. It may quote the prompt, so that only the call
            itself is shown it: its attempt log and its spans. Whatever others see holds the `kind`.
        http_status: 0 where there was none.
        retry_after: seconds that the provider asked to be left alone; None: nothing said.
        backend_wide: it holds for every model of the backend, as does `retry_after`.
        hurried: the caller's deadline left the target less time than it usually needs, so that it says nothing of it.
    """

    failure_class: FailureClass
    message: str
    http_status: int = 0
    retry_after: float | None = None
    backend_wide: bool = False
    hurried: bool = False

    @property
    def kind(self) -> str:
        """Its class and the provider's status, for a person: `overloaded (503)`."""
        return self.failure_class.told(self.http_status)

    @property
    def takes_out(self) -> bool:
        """Whether it lasts until something is changed: by its class, or because nobody there takes such calls."""
        unserved = self.backend_wide and self.failure_class is FailureClass.UNSUPPORTED
        return unserved or POLICIES[self.failure_class].takes_out


class Answer(Struct, frozen=True):
    """How a whole answer ended."""

    finish_reason: FinishReason
    provider_model: str = ""
    provider_request_id: str = ""


class AttemptOutcome(Struct, frozen=True):
    """What an attempt came to: exactly one of `answer` and `failure` is set.

    Attributes:
        latency: seconds from dispatch to settlement, as the router saw it.
        first_token: seconds to the first piece of the answer; None: none came.
        cost: nano-dollars.
    """

    answer: Answer | None
    failure: Failure | None
    usage: Usage
    latency: float
    first_token: float | None
    cost: int

    @property
    def succeeded(self) -> bool:
        """Whether it gave a whole answer."""
        return self.answer is not None

    @property
    def cancelled(self) -> bool:
        """Whether it was stopped because nobody waited for it any more."""
        return self.failure is not None and self.failure.failure_class is FailureClass.CANCELLED


class AttemptRecord(Struct, frozen=True):
    """One settled attempt, as it is recorded everywhere: table, circuit, ledger, metrics, span, attempt log.

    Attributes:
        number: position in the call, from 1.
        replaced: why the previous attempt failed, for the span; None for a first attempt.
        expected_input_tokens: the estimate, for comparison with the usage; 0: not to be compared.
    """

    decision_id: str
    number: int
    target: str
    kind: AttemptKind
    started_at: datetime
    outcome: AttemptOutcome
    worker_id: str
    simulated: bool
    tenant: str = "default"
    task: str = "default"
    replaced: Failure | None = None
    operation: Operation = Operation.COMPLETE
    expected_input_tokens: int = 0
