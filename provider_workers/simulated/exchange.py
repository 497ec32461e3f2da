"""What was asked and what is answered, apart from any provider's wire.

A wire reads a request into an `Ask`; `answering` makes an `Answer` of it; a wire writes that answer in its own format.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

JsonObject = Mapping[str, Any]

CHAT: Final = "chat"
EMBED: Final = "embed"
METADATA: Final = "metadata"

CHARACTERS_PER_TOKEN: Final = 4
TOKENS_PER_MESSAGE: Final = 3
TOKENS_PER_IMAGE: Final = 85


@dataclass(frozen=True, slots=True)
class Operation:
    """One endpoint of a wire: what it does (`chat`, `embed` or `metadata`), its own name, and the model in its path."""

    kind: str
    name: str
    model: str = ""


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """A tool that the caller offers; `parameters` is its JSON schema."""

    name: str
    parameters: JsonObject


@dataclass(frozen=True, slots=True)
class Ask:
    """A request as every wire means it. `raw` is the parsed body, for what only one wire knows."""

    kind: str
    model: str
    raw: JsonObject
    stream: bool = False
    prompt: str = ""
    last_user: str = ""
    messages: int = 0
    images: int = 0
    ends_with_assistant: bool = False
    has_tool_result: bool = False
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    seed: int | None = None
    tools: tuple[ToolSpec, ...] = ()
    tool_choice: str = "auto"
    json_mode: bool = False
    schema: JsonObject | None = None
    reasoning_tokens: int = 0
    shows_reasoning: bool = False
    inputs: tuple[str, ...] = ()
    dimensions: int | None = None

    @property
    def prompt_tokens(self) -> int:
        """Simulated tokens of the prompt: a quarter of its characters, and a constant per message and image."""
        text = -(-len(self.prompt) // CHARACTERS_PER_TOKEN)
        return max(1, text + TOKENS_PER_MESSAGE * self.messages + TOKENS_PER_IMAGE * self.images)


@dataclass(frozen=True, slots=True)
class ToolCall:
    """One call of a tool; `arguments` is a JSON string."""

    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Usage:
    """Token counts. `completion` includes `reasoning`; `prompt` includes `cached`."""

    prompt: int
    completion: int
    cached: int = 0
    reasoning: int = 0


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer in pieces, one token each. `usage` is None where the provider is told to withhold it."""

    text: tuple[str, ...] = ()
    reasoning: tuple[str, ...] = ()
    tool_calls: tuple[ToolCall, ...] = ()
    finish: str = "stop"
    stop_sequence: str | None = None
    usage: Usage | None = None
    load_seconds: float = 0.0
    empty: bool = False


@dataclass(frozen=True, slots=True)
class ApiError:
    """A refusal, by the name of its kind (a status such as `429`, or `context_exceeded`).

    `retry_after` is the header's value as sent, or None for no header.
    """

    kind: str
    message: str | None = None
    param: str | None = None
    model: str = ""
    prompt_tokens: int = 0
    retry_after: str | None = None
    retry_seconds: float | None = None
    stream: bool = False


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole HTTP response, but for the headers that every response has."""

    status: int
    body: bytes
    content_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = field(default=())


class RequestRefused(Exception):
    """A request that the simulated provider refuses as the real one would. Carries the `ApiError` to answer with."""

    def __init__(self, error: ApiError) -> None:
        super().__init__(error.message or error.kind)
        self.error = error
