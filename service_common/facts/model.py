"""The facts of one model, as values."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum


class Mode(StrEnum):
    """The provider's interface that serves a model."""

    CHAT = "chat"
    RESPONSES = "responses"
    COMPLETION = "completion"
    EMBEDDING = "embedding"


class Ability(StrEnum):
    """What a model can take or do beyond text in, text out."""

    AUDIO = "audio"
    JSON_SCHEMA = "json_schema"
    PDF = "pdf"
    PROMPT_CACHING = "prompt_caching"
    REASONING = "reasoning"
    TOOLS = "tools"
    VISION = "vision"


@dataclass(frozen=True, slots=True)
class LongContextPrice:
    """The price of a request whose prompt is longer than `above` tokens. Nano-dollars per million tokens."""

    above: int
    input_price: int | None
    output_price: int | None
    cached_input_price: int | None = None
    """As in `ModelFacts`."""


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What the table knows of one model. Prices are nano-dollars per million tokens; None means unknown.

    `provider` and `model` name the entry that matched, which is not always the name that was asked for: a dated
    version that the table lacks is answered by its undated name.
    """

    provider: str
    model: str
    mode: Mode = Mode.CHAT
    context_window: int | None = None
    """The longest prompt, in tokens."""
    max_output: int | None = None
    """The longest answer, in tokens."""
    input_price: int | None = None
    output_price: int | None = None
    cached_input_price: int | None = None
    """Of input tokens read from the provider's prompt cache; None: as `input_price`."""
    long_context: LongContextPrice | None = None
    abilities: frozenset[Ability] = frozenset()
    deprecated_on: date | None = None
    """The day from which the provider no longer serves the model."""
    dimensions: int | None = None
    """The length of an embedding."""

    @classmethod
    def unlisted(cls, provider: str, model: str, price: int | None = None) -> "ModelFacts":
        """Of a model that no table lists: its price, if that is clear, and what its name says it is for."""
        mode = Mode.EMBEDDING if "embed" in model.lower() else Mode.CHAT
        return cls(provider, model, mode, input_price=price, output_price=price)
