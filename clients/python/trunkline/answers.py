"""What came of a call: the answer, its attempts, its tokens and its cost. Words are lower case: `rate_limited`."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from trunkline.decisions import Decision
from trunkline.money import to_dollars


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one answer.

    Attributes:
        input_tokens: of the prompt, cached ones included.
        output_tokens: of the answer, reasoning included.
        cached_input_tokens: the part of `input_tokens` that the provider had cached.
        reasoning_tokens: the part of `output_tokens` spent on reasoning.
        estimated: the router's estimate, because the provider reported none.
    """

    input_tokens: int = 0
    output_tokens: int = 0
    cached_input_tokens: int = 0
    reasoning_tokens: int = 0
    estimated: bool = False


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call that the model asks for."""

    id: str
    name: str
    arguments_json: str

    @property
    def arguments(self) -> Mapping[str, Any]:
        """The arguments, parsed; none where the model gave none.

        Raises:
            ValueError: the model's arguments are not a JSON object.
        """
        parsed = json.loads(self.arguments_json or "{}")
        if not isinstance(parsed, dict):
            raise ValueError(f"the arguments of tool call {self.name} are not a JSON object")
        return parsed


@dataclass(frozen=True, slots=True)
class Attempt:
    """One target tried once.

    Attributes:
        number: position in the call, from 1.
        target: `backend/model`.
        kind: `first`, `retry`, `fallback` or `hedge`.
        outcome: `succeeded`, `failed` or `cancelled`; empty while it runs.
        failure_class: `rate_limited`, `overloaded`, ...; None where it did not fail.
        failure_message: what the provider or worker said, scrubbed of secrets.
        http_status: the provider's, where there was one.
        retry_after: seconds that the provider asked to be left alone.
        started_at: UTC.
        latency: seconds.
        first_token: seconds to the first token, where one came.
        cost_nanodollars: what it cost.
    """

    number: int
    target: str
    kind: str
    outcome: str
    failure_class: str | None
    failure_message: str
    http_status: int | None
    retry_after: float | None
    started_at: datetime | None
    latency: float
    first_token: float | None
    usage: Usage
    cost_nanodollars: int
    worker_id: str
    simulated: bool

    @property
    def cost_usd(self) -> Decimal:
        """What it cost, in dollars."""
        return to_dollars(self.cost_nanodollars)


@dataclass(frozen=True, slots=True)
class Completion:
    """How a call went, apart from what was said.

    Attributes:
        finish_reason: `stop`, `length`, `tool_calls` or `content_filter`.
        usage: tokens of the answer that was given.
        cost_nanodollars: what the call cost, all attempts together.
        target: the one that answered.
        attempts: every one, in order.
        trace_id: empty without tracing.
        is_fallback: another target than the plan's first answered.
        simulated: the backend that answered is simulated.
        provider_model: the provider's own name of the model that answered.
        latency: seconds, from the call's arrival at the router.
    """

    finish_reason: str
    usage: Usage
    cost_nanodollars: int
    target: str
    attempts: tuple[Attempt, ...]
    decision_id: str
    trace_id: str
    is_fallback: bool
    simulated: bool
    provider_model: str
    provider_request_id: str
    latency: float

    @property
    def cost_usd(self) -> Decimal:
        """What the call cost, all attempts together, in dollars."""
        return to_dollars(self.cost_nanodollars)


@dataclass(frozen=True, slots=True)
class Answer(Completion):
    """A whole answer, and how it came about.

    Attributes:
        text: what the model said.
        reasoning: what it thought, where the provider shows that.
        tool_calls: the tools that it calls.
        decision: why it was routed so.
    """

    text: str
    reasoning: str
    tool_calls: tuple[ToolCall, ...]
    decision: Decision


@dataclass(frozen=True, slots=True)
class Embeddings:
    """Vectors of texts.

    Attributes:
        vectors: one per input, in order.
        target: the one that answered.
    """

    vectors: tuple[tuple[float, ...], ...]
    target: str
    usage: Usage
    cost_nanodollars: int
    attempts: tuple[Attempt, ...]
    trace_id: str
    simulated: bool

    @property
    def cost_usd(self) -> Decimal:
        """What the call cost, in dollars."""
        return to_dollars(self.cost_nanodollars)


@dataclass(frozen=True, slots=True)
class TokenCount:
    """A prompt's tokens as one target, or one model family, counts them.

    Attributes:
        target: `backend/model`; where the request names no target, the first of the family.
        family: the model family whose estimate it is.
        observations: answers whose reported usage corrected the estimate.
    """

    target: str
    family: str
    input_tokens: int
    observations: int
