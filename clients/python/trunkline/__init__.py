"""The Python client of Trunkline: one call for every language model, and answers that survive a provider's failure.

    from trunkline import Client

    with Client() as client:
        print(client.complete("Say hello.", max_cost=0.01).text)

The generated stubs of the contracts are in `trunkline.router.v1`, `trunkline.types.v1`, `trunkline.admin.v1` and
`trunkline.worker.v1`.
"""

from trunkline.administration import Administration
from trunkline.answers import Answer, Attempt, Completion, Embeddings, TokenCount, ToolCall, Usage
from trunkline.async_administration import AsyncAdministration
from trunkline.async_client import AsyncClient
from trunkline.client import Client
from trunkline.decisions import Candidate, Classification, Decision, Rejection, ScorerValue, Vote
from trunkline.errors import (
    CallFailed,
    Cancelled,
    DeadlineExceeded,
    ErrorDetails,
    Exhausted,
    InternalError,
    InvalidRequest,
    NoTarget,
    NotFound,
    ProtocolError,
    TrunklineError,
    Unauthorized,
    Unavailable,
    Unimplemented,
    Violation,
)
from trunkline.events import (
    AttemptFailed,
    AttemptStarted,
    Completed,
    Decided,
    Event,
    ReasoningDelta,
    StreamReset,
    TextDelta,
    ToolCallDelta,
    UsageReported,
)
from trunkline.messages import File, Image, JsonSchema, Message, Prompt, Tool
from trunkline.operations import (
    ConfigurationChange,
    DrillResult,
    DrillStep,
    LatencySummary,
    PullProgress,
    TargetStatistics,
)
from trunkline.options import CompletionOptions, EmbeddingOptions, GenerationOptions, RoutingOptions
from trunkline.streams import AnswerStream, AsyncAnswerStream
from trunkline.targets import Model, Models, TargetRow, Worker

__all__ = [
    "Administration",
    "Answer",
    "AnswerStream",
    "AsyncAdministration",
    "AsyncAnswerStream",
    "AsyncClient",
    "Attempt",
    "AttemptFailed",
    "AttemptStarted",
    "CallFailed",
    "Cancelled",
    "Candidate",
    "Classification",
    "Client",
    "Completed",
    "Completion",
    "CompletionOptions",
    "ConfigurationChange",
    "DeadlineExceeded",
    "Decided",
    "Decision",
    "DrillResult",
    "DrillStep",
    "EmbeddingOptions",
    "Embeddings",
    "ErrorDetails",
    "Event",
    "Exhausted",
    "File",
    "GenerationOptions",
    "Image",
    "InternalError",
    "InvalidRequest",
    "JsonSchema",
    "LatencySummary",
    "Message",
    "Model",
    "Models",
    "NoTarget",
    "NotFound",
    "Prompt",
    "ProtocolError",
    "PullProgress",
    "ReasoningDelta",
    "Rejection",
    "RoutingOptions",
    "ScorerValue",
    "StreamReset",
    "TargetRow",
    "TargetStatistics",
    "TextDelta",
    "TokenCount",
    "Tool",
    "ToolCall",
    "ToolCallDelta",
    "TrunklineError",
    "Unauthorized",
    "Unavailable",
    "Unimplemented",
    "Usage",
    "UsageReported",
    "Violation",
    "Vote",
    "Worker",
]
