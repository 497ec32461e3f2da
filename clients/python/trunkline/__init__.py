"""The Python client of Trunkline: one call for every language model, and answers that survive a provider's failure.

    from trunkline import Client

    with Client() as client:
        print(client.complete("Say hello.", max_cost=0.01).text)

The generated stubs of the contracts are in `trunkline.router.v1`, `trunkline.types.v1`, `trunkline.admin.v1` and
`trunkline.worker.v1`.
"""

import importlib
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
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

_NAMES = {
    "administration": "Administration",
    "answers": "Answer Attempt Completion Embeddings TokenCount ToolCall Usage",
    "async_administration": "AsyncAdministration",
    "async_client": "AsyncClient",
    "client": "Client",
    "decisions": "Candidate Classification Decision Rejection ScorerValue Vote",
    "errors": (
        "CallFailed Cancelled DeadlineExceeded ErrorDetails Exhausted InternalError InvalidRequest NoTarget "
        "NotFound ProtocolError TrunklineError Unauthorized Unavailable Unimplemented Violation"
    ),
    "events": (
        "AttemptFailed AttemptStarted Completed Decided Event ReasoningDelta StreamReset TextDelta "
        "ToolCallDelta UsageReported"
    ),
    "messages": "File Image JsonSchema Message Prompt Tool",
    "operations": "ConfigurationChange DrillResult DrillStep LatencySummary PullProgress TargetStatistics",
    "options": "CompletionOptions EmbeddingOptions GenerationOptions RoutingOptions",
    "streams": "AnswerStream AsyncAnswerStream",
    "targets": "Model Models TargetRow Worker",
}
_WITHOUT_NAMES = ("money",)
"""Modules that are public as such."""
_MODULES = MappingProxyType({name: module for module, names in _NAMES.items() for name in names.split()})
"""The module of each public name, loaded when the name is first asked for.

Router and workers use the stubs alone, and the command line shows its help without calling anybody: the client takes
60 ms and 3 MB, gRPC not counted, which they do not pay.
"""

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

if not TYPE_CHECKING:  # else type checkers would take every name for one of ours

    def __getattr__(name: str) -> Any:
        """A public name, or the module of some, for whoever asks for it first."""
        if name in _NAMES or name in _WITHOUT_NAMES:
            return importlib.import_module(f"{__name__}.{name}")
        if name not in _MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = globals()[name] = getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
        return value

    def __dir__() -> list[str]:
        """Public names, loaded or not."""
        return sorted({*globals(), *__all__})
