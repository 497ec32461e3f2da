"""The options of a call, as typed keyword arguments of `complete`, `stream`, `route`, `count_tokens` and `embed`."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypedDict

from trunkline.messages import JsonSchema, Tool
from trunkline.money import Dollars

LONGEST_TIMEOUT = 36_500 * 86_400.0
"""Seconds; gRPC takes much longer ones for a deadline that has passed."""

Task = Literal[
    "default",
    "code_generation",
    "code_review",
    "analysis",
    "summarization",
    "creative",
    "simple_qa",
    "classification",
    "extraction",
    "translation",
]
Complexity = Literal["simple", "medium", "complex", "code"]
Sensitivity = Literal["public", "internal", "confidential"]
Recovery = Literal["fail", "reset", "continue", "continue_or_reset"]
ReasoningEffort = Literal["none", "minimal", "low", "medium", "high"]
Capabilities = Mapping[str, int | None] | Sequence[str]


class GenerationOptions(TypedDict, total=False):
    """How the answer is made. What is left out is the provider's default; 0 is a value.

    Attributes:
        system: instructions, put before the messages.
        temperature: 0 to 2.
        top_p: above 0 up to 1.
        top_k: 1 or more.
        frequency_penalty: -2 to 2.
        presence_penalty: -2 to 2.
        seed: for repeatable sampling, where the provider has it.
        max_output_tokens: 1 or more.
        stop: strings at which the answer stops, at most 16.
        tool_choice: `auto`, `none`, `required`, or the name of the tool that must be called.
        response_format: `text`, `json`, or a `JsonSchema`.
    """

    system: str
    temperature: float
    top_p: float
    top_k: int
    frequency_penalty: float
    presence_penalty: float
    seed: int
    max_output_tokens: int
    stop: str | Sequence[str]
    reasoning_effort: ReasoningEffort
    parallel_tool_calls: bool
    tools: Sequence[Tool]
    tool_choice: str
    response_format: Literal["text", "json"] | JsonSchema


class RoutingOptions(TypedDict, total=False):
    """What the caller wants of the routing.

    Attributes:
        model: a target (`backend/model`) or an alias; left out: every target is considered.
        profile: a profile's name; left out: the configured default.
        task, complexity, domain: where the caller knows them.
        sensitivity: detection may raise it, never lower it; left out: internal.
        max_cost: most that the request may be expected to cost, in dollars.
        max_cost_per_1k: most that 1,000 tokens may cost, in dollars.
        max_latency: longest expected time to the whole answer, in seconds.
        required_quality: 0 to 1.
        require: capabilities that a target must have, with their least rating (1 to 10; None: the profile's).
        prefer: capabilities that count in a target's favour, likewise.
        min_context_tokens: least context window.
        exclude: targets, backends or aliases that must not be used.
        allow: only these may be used.
        region: the caller's region; with `region_required` the data must stay there.
        recovery: what happens when a provider fails after text was shown; left out: fail.
        affinity_key: calls of one key are kept on one target where that costs nothing.
        priority: order in the waiting queue; higher is sooner, 0 is usual.
    """

    model: str
    profile: str
    task: Task
    complexity: Complexity
    sensitivity: Sensitivity
    domain: str
    max_cost: Dollars
    max_cost_per_1k: Dollars
    max_latency: float
    required_quality: float
    require: Capabilities
    prefer: Capabilities
    min_context_tokens: int
    exclude: Sequence[str]
    allow: Sequence[str]
    region: str
    region_required: bool
    recovery: Recovery
    affinity_key: str
    priority: int


class CompletionOptions(GenerationOptions, RoutingOptions, total=False):
    """Every option of a call.

    Attributes:
        labels: short key-value pairs for rules, spans and reports, at most 32.
        request_id: the caller's own identifier, for logs and spans.
        idempotency_key: calls with one key are one call.
        provider_options: passed through to one backend only: backend name to a JSON object.
        timeout: seconds for the whole call; left out: the client's.
        traceparent: W3C trace context that the router's spans continue.
    """

    labels: Mapping[str, str]
    request_id: str
    idempotency_key: str
    provider_options: Mapping[str, Mapping[str, Any]]
    timeout: float
    traceparent: str


class EmbeddingOptions(TypedDict, total=False):
    """The options of `embed`.

    Attributes:
        dimensions: length of the vectors, where the model can shorten them.
        sensitivity: who may see the texts; left out: internal.
        labels, request_id, provider_options, timeout, traceparent: as in `CompletionOptions`.
    """

    dimensions: int
    sensitivity: Sensitivity
    labels: Mapping[str, str]
    request_id: str
    provider_options: Mapping[str, Mapping[str, Any]]
    timeout: float
    traceparent: str
