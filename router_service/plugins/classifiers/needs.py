"""What the request itself needs of a model: abilities, and room for the answer."""

from collections.abc import Mapping
from typing import ClassVar

from msgspec.structs import replace
from pydantic import BaseModel, Field, field_validator

from router_service.domain.decision import Classification
from router_service.domain.request import Request
from router_service.plugins.settings import Settings, WithoutSettings
from service_common.vocabulary import Operation, Task

_TYPICAL_OUTPUT = {
    Task.DEFAULT: 260,
    Task.CODE_GENERATION: 400,
    Task.CODE_REVIEW: 350,
    Task.ANALYSIS: 400,
    Task.SUMMARIZATION: 200,
    Task.CREATIVE: 500,
    Task.SIMPLE_QA: 120,
    Task.CLASSIFICATION: 20,
    Task.EXTRACTION: 120,
    Task.TRANSLATION: 60,
}


class CapabilitiesNeeded(WithoutSettings):
    """Pictures need vision, tools need tools, a JSON schema needs a model that keeps to it, files one that reads."""

    name: ClassVar[str] = "capabilities"

    def classify(self, request: Request, found: Classification) -> Classification:
        """Fill in `needed_capabilities`."""
        if not (request.images or request.tools or request.json_schema or request.files):
            return found
        asked = (
            ("vision", request.images),
            ("tools", request.tools),
            ("json_schema", request.json_schema),
            ("files", request.files),
        )
        return replace(found, needed_capabilities=tuple(name for name, needed in asked if needed))


class OutputLength:
    """How long the answer will be: by task, at most what the caller allows; a translation is as long as its prompt."""

    name: ClassVar[str] = "output_length"

    class Model(Settings):
        """Settings of the classifier.

        Attributes:
            tokens: expected tokens of the answer by task; those not named keep their default.
            reasoning_factor: by how much thinking lengthens an answer.
        """

        tokens: Mapping[str, int] = Field(default_factory=dict)
        reasoning_factor: float = Field(default=3.0, ge=1)

        @field_validator("tokens")
        @classmethod
        def _known_tasks(cls, value: Mapping[str, int]) -> Mapping[str, int]:
            for task, tokens in value.items():
                Task.parse(task)
                if tokens < 1:
                    raise ValueError(f"{task}: {tokens} tokens are no answer")
            return value

    settings_model: ClassVar[type[BaseModel]] = Model

    def __init__(self, settings: Model) -> None:
        """Merge the settings into the defaults."""
        self._typical = _TYPICAL_OUTPUT | {Task.parse(task): tokens for task, tokens in settings.tokens.items()}
        self._reasoning_factor = settings.reasoning_factor

    def classify(self, request: Request, found: Classification) -> Classification:
        """Fill in `expected_output_tokens`."""
        if request.operation is Operation.EMBED:
            return found
        expected = self._typical[found.task]
        if found.task is Task.TRANSLATION and found.input_tokens > expected:
            expected = found.input_tokens
        if request.reasoning:
            expected = int(expected * self._reasoning_factor)
        limit = request.max_output_tokens
        return replace(found, expected_output_tokens=expected if limit is None else min(expected, limit))
