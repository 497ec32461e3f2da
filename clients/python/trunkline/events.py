"""What a stream yields. The boundaries of deltas mean nothing; `Completed` comes last, and only when all is well."""

from dataclasses import dataclass

from trunkline.answers import Attempt, Completion, Usage
from trunkline.decisions import Decision


@dataclass(frozen=True, slots=True)
class Decided:
    """How the request is routed; always first."""

    decision: Decision


@dataclass(frozen=True, slots=True)
class AttemptStarted:
    """A target is tried: its position in the call from 1, and why (`first`, `retry`, `fallback`, `hedge`)."""

    number: int
    target: str
    kind: str
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
    """A piece of a tool call; pieces of one index are to be joined, `id` and `name` come in the first."""

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

    attempt: Attempt


@dataclass(frozen=True, slots=True)
class StreamReset:
    """A provider failed after text was shown, and another goes on.

    Attributes:
        mode: `restart` (all text so far is void) or `continue` (the next target goes on from it).
        valid_characters: how many characters of the text so far remain valid.
    """

    mode: str
    failed_target: str
    valid_characters: int


@dataclass(frozen=True, slots=True)
class Completed:
    """The answer is whole and the call ended well; always last."""

    completion: Completion


Event = (
    Decided
    | AttemptStarted
    | TextDelta
    | ReasoningDelta
    | ToolCallDelta
    | UsageReported
    | AttemptFailed
    | StreamReset
    | Completed
)
