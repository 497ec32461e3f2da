"""What a caller asks for, as the stages of the router see it: frozen, and free of any wire format."""

from collections.abc import Mapping
from types import MappingProxyType

from msgspec import Struct

from service_common.vocabulary import Complexity, Operation, Sensitivity, StreamRecovery, Task

NO_LABELS: Mapping[str, str] = MappingProxyType({})


class CapabilityRequirement(Struct, frozen=True):
    """A capability that a target must have or that counts in its favour.

    Attributes:
        name: the capability.
        min_rating: least rating, 1..10; None: the profile's default.
    """

    name: str
    min_rating: int | None = None


class RoutingOptions(Struct, frozen=True):
    """What the caller wants of the routing. None or empty: nothing said.

    Attributes:
        model: a target (`backend/model`) or an alias.
        max_cost: most that the request may be expected to cost, nano-dollars.
        max_cost_per_1k: most that 1,000 tokens may cost, nano-dollars.
        max_latency: longest expected time to the whole answer, seconds.
        required_quality: least quality of the target, 0..1.
        min_context: least context window, tokens.
        exclude, allow: targets, backends or aliases.
        region: the caller's region; `region_required`: the data must stay there.
        affinity_key: callers of one key are kept on one target where that costs nothing.
        priority: order in the waiting queue; higher is sooner.
    """

    model: str = ""
    profile: str = ""
    task: Task | None = None
    complexity: Complexity | None = None
    sensitivity: Sensitivity | None = None
    domain: str = ""
    max_cost: int | None = None
    max_cost_per_1k: int | None = None
    max_latency: float | None = None
    required_quality: float | None = None
    required_capabilities: tuple[CapabilityRequirement, ...] = ()
    preferred_capabilities: tuple[CapabilityRequirement, ...] = ()
    min_context: int | None = None
    exclude: tuple[str, ...] = ()
    allow: tuple[str, ...] = ()
    region: str = ""
    region_required: bool = False
    stream_recovery: StreamRecovery | None = None
    affinity_key: str = ""
    priority: int = 0


class PromptMessage(Struct, frozen=True):
    """One message as the classifiers read it.

    Attributes:
        role: `system`, `developer`, `user`, `assistant` or `tool`.
        text: its text parts (and tool call arguments), joined with newlines.
    """

    role: str
    text: str


class Request(Struct, frozen=True):
    """One request of any operation.

    Attributes:
        operation: what is asked for.
        body: the caller's serialised request, passed on to the worker as it came.
        messages: the conversation's texts (for embeddings: one user message per input).
        images: number of pictures.
        files: number of files.
        tools: number of tools offered.
        tools_characters: length of the tools' names, descriptions and schemas.
        json_schema: whether the answer must follow a JSON schema.
        json_answer: whether the answer must be JSON of any kind.
        reasoning: whether reasoning effort was asked for.
        max_output_tokens: the caller's limit of the answer.
        seeded: whether the caller set a sampling seed.
        whole: whether the caller takes the answer whole and sees no piece of it before.
        options: what the caller wants of the routing.
        labels: short key-value pairs.
        idempotency_key: calls with one key are one call; `fingerprint` tells whether they ask the same.
        tenant: who pays.
    """

    operation: Operation
    body: bytes
    messages: tuple[PromptMessage, ...]
    images: int = 0
    files: int = 0
    tools: int = 0
    tools_characters: int = 0
    json_schema: bool = False
    json_answer: bool = False
    reasoning: bool = False
    max_output_tokens: int | None = None
    seeded: bool = False
    whole: bool = False
    options: RoutingOptions = RoutingOptions()
    labels: Mapping[str, str] = NO_LABELS
    request_id: str = ""
    idempotency_key: str = ""
    fingerprint: bytes = b""
    tenant: str = "default"

    @property
    def text(self) -> str:
        """The texts of all messages, joined with newlines."""
        messages = self.messages
        return messages[0].text if len(messages) == 1 else "\n".join([message.text for message in messages])

    @property
    def last_user_text(self) -> str:
        """The text of the last user message; the last message's where there is none."""
        for message in reversed(self.messages):
            if message.role == "user":
                return message.text
        return self.messages[-1].text if self.messages else ""
