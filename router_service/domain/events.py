"""What a call tells its caller, in order: a decision, attempts, deltas, and exactly one `Completed` or error.

Each is tagged with its name, by which a kept answer is read back.
"""

from msgspec import Struct

from router_service.domain.attempt import AttemptRecord, Usage
from router_service.domain.decision import Decision
from service_common.vocabulary import AttemptKind, FinishReason


class DecisionMade(Struct, frozen=True, tag=True):
    """The decision; always first."""

    decision: Decision
    trace_id: str


class AttemptStarted(Struct, frozen=True, tag=True):
    """A target is tried."""

    number: int
    target: str
    kind: AttemptKind
    simulated: bool


class TextDelta(Struct, frozen=True, tag=True):
    """More text."""

    text: str


class ReasoningDelta(Struct, frozen=True, tag=True):
    """More of what the model thinks."""

    text: str


class ToolCallDelta(Struct, frozen=True, tag=True):
    """More of a tool call; pieces of one index are to be joined."""

    index: int
    id: str
    name: str
    arguments_json: str


class UsageReported(Struct, frozen=True, tag=True):
    """Tokens so far."""

    usage: Usage


class AttemptFailed(Struct, frozen=True, tag=True):
    """A target failed; another may follow."""

    record: AttemptRecord


class StreamReset(Struct, frozen=True, tag=True):
    """A provider failed after text was shown. `restart`: all text so far is void; else it is continued from here."""

    restart: bool
    failed_target: str
    valid_characters: int


class Completed(Struct, frozen=True, tag=True):
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
