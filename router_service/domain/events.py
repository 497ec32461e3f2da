"""What a call tells its caller, in order: a decision, attempts, deltas, and exactly one `Completed` or error."""

from dataclasses import dataclass

from router_service.domain.attempt import AttemptRecord, Usage
from router_service.domain.decision import Decision
from service_common.vocabulary import AttemptKind, FinishReason


@dataclass(frozen=True, slots=True)
class DecisionMade:
    """The decision; always first."""

    decision: Decision
    trace_id: str


@dataclass(frozen=True, slots=True)
class AttemptStarted:
    """A target is tried."""

    number: int
    target: str
    kind: AttemptKind
    simulated: bool


@dataclass(frozen=True, slots=True)
class TextDelta:
    """More text."""

    text: str


@dataclass(frozen=True, slots=True)
class ReasoningDelta:
    """More of what the model thinks."""

    text: str


@dataclass(frozen=True, slots=True)
class ToolCallDelta:
    """More of a tool call; pieces of one index are to be joined."""

    index: int
    id: str
    name: str
    arguments_json: str


@dataclass(frozen=True, slots=True)
class UsageReported:
    """Tokens so far."""

    usage: Usage


@dataclass(frozen=True, slots=True)
class AttemptFailed:
    """A target failed; another may follow."""

    record: AttemptRecord


@dataclass(frozen=True, slots=True)
class StreamReset:
    """A provider failed after text was shown. `restart`: all text so far is void; else it is continued from here."""

    restart: bool
    failed_target: str
    valid_characters: int


@dataclass(frozen=True, slots=True)
class Completed:
    """The answer is whole; always last. Times in seconds, cost (of all attempts) in nano-dollars.

    `body` is an embedding's serialised result; empty for text.
    """

    finish_reason: FinishReason
    usage: Usage
    cost: int
    target: str
    attempts: tuple[AttemptRecord, ...]
    decision_id: str
    trace_id: str
    is_fallback: bool
    simulated: bool
    provider_model: str
    provider_request_id: str
    latency: float
    body: bytes = b""


Delta = TextDelta | ReasoningDelta | ToolCallDelta
CallEvent = DecisionMade | AttemptStarted | Delta | UsageReported | AttemptFailed | StreamReset | Completed
