"""Filters about what a model can do: kind of use, abilities, capabilities, lengths, retirement."""

from collections.abc import Sequence
from typing import ClassVar

from pydantic import BaseModel, Field

from router_service.contracts.plugins import RoutingContext
from router_service.domain.decision import Rejection
from router_service.domain.request import CapabilityRequirement
from router_service.domain.target import TargetSpec, TargetView
from router_service.plugins.settings import Settings, WithoutSettings
from service_common.vocabulary import ModelMode, Operation, Task

_EMBED, _EMBEDDING, _CHAT = Operation.EMBED, ModelMode.EMBEDDING, ModelMode.CHAT
_ABILITY_WORDS = {
    "vision": "cannot see pictures",
    "tools": "cannot call tools",
    "json_schema": "cannot keep to a JSON schema",
    "files": "cannot read files",
}
_TASK_TAGS = {Task.CREATIVE: "creative_writing", Task.DEFAULT: ""}
GENERAL = "general"
"""The tag of a model that serves every capability of the yes-or-no catalogue."""
NOT_REQUIRED = 10.0
"""Distance of doing without a capability: offered after changes of figures."""


class Use(WithoutSettings):
    """Out: chat models for embeddings, embedding models for everything else."""

    name: ClassVar[str] = "use"
    hard: ClassVar[bool] = True

    def reject(self, context: RoutingContext, candidates: Sequence[TargetView]) -> Sequence[Rejection]:
        """Reject models of another use."""
        needed = _EMBEDDING if context.request.operation is _EMBED else _CHAT
        return [
            Rejection(view.spec.name, self.name, f"is for {view.spec.mode.label}, not for {needed.label}")
            for view in candidates
            if view.spec.mode is not needed
        ]


class Abilities(WithoutSettings):
    """Out: targets that lack what the request itself needs: vision for pictures, tools, a JSON schema, files."""

    name: ClassVar[str] = "abilities"
    hard: ClassVar[bool] = True

    def reject(self, context: RoutingContext, candidates: Sequence[TargetView]) -> Sequence[Rejection]:
        """Reject those that lack a needed ability."""
        needed = context.classification.needed_capabilities
        if not needed:
            return ()
        every = frozenset(needed)
        return [
            Rejection(view.spec.name, self.name, _lacking(view.spec, needed))
            for view in candidates
            if not every <= view.spec.abilities
        ]


class Capability:
    """Out: targets that do not have a capability that the caller requires.

    A rating counts where the target has one (at least `default_minimum`, or the caller's minimum); else a capability
    listed by name, the tag `general`, or an ability of that name will do, unless the caller asks for a rating.
    """

    name: ClassVar[str] = "capability"
    hard: ClassVar[bool] = True

    class Model(Settings):
        """Settings of the filter.

        Attributes:
            default_minimum: rating that a required capability needs where the caller names none, 1..10.
            task_asks: whether the task of a request asks for the capability of its name.
        """

        default_minimum: int = Field(default=5, ge=1, le=10)
        task_asks: bool = False

    settings_model: ClassVar[type[BaseModel]] = Model

    def __init__(self, settings: Model) -> None:
        """Keep the settings."""
        self._minimum = settings.default_minimum
        self._task_asks = settings.task_asks

    def reject(self, context: RoutingContext, candidates: Sequence[TargetView]) -> Sequence[Rejection]:
        """Reject those that lack a required capability."""
        required = own = context.request.options.required_capabilities
        if self._task_asks:
            tag = _TASK_TAGS.get(context.classification.task, context.classification.task.label)
            required = (*required, CapabilityRequirement(tag)) if tag else required
        if not required:
            return ()
        return [rejection for view in candidates if (rejection := self._lacks(view.spec, required, own)) is not None]

    def _lacks(
        self, spec: TargetSpec, required: Sequence[CapabilityRequirement], own: Sequence[CapabilityRequirement]
    ) -> Rejection | None:
        """`own`: those that the caller named and could take back."""
        for asked in required:
            minimum = asked.min_rating or self._minimum
            rating = spec.capabilities.get(asked.name)
            if rating is not None:
                if rating < minimum:
                    return Rejection(
                        spec.name,
                        self.name,
                        f"{asked.name} rated {rating}, at least {minimum} is required",
                        f"{asked.name} >= {rating}",
                        (minimum - rating) / minimum,
                    )
            elif asked.min_rating is not None:
                return Rejection(spec.name, self.name, f"{asked.name} is not rated, {minimum} is required")
            elif not _listed(spec, asked.name):
                offer = f"{asked.name} not required" if asked in own else ""
                return Rejection(spec.name, self.name, f"does not list {asked.name}", offer, NOT_REQUIRED)
        return None


class ContextWindow(WithoutSettings):
    """Out: targets whose window is too small for the prompt, or that answer at most less than the caller allows."""

    name: ClassVar[str] = "context_window"
    hard: ClassVar[bool] = True

    def reject(self, context: RoutingContext, candidates: Sequence[TargetView]) -> Sequence[Rejection]:
        """Reject those too small; a window that is not known passes."""
        expected = context.expectations
        answer = context.request.max_output_tokens or 0
        what = "the longest text" if context.request.operation is _EMBED else "the prompt"
        out = []
        for view in candidates:
            spec = view.spec
            window = spec.context_window
            if window is not None and expected[spec.name].window_tokens > window:
                tokens = expected[spec.name].window_tokens
                out.append(Rejection(spec.name, self.name, f"window {window:,} tokens, {what} is about {tokens:,}"))
            elif spec.max_output is not None and answer > spec.max_output:
                out.append(
                    Rejection(
                        spec.name,
                        self.name,
                        f"answers at most {spec.max_output:,} tokens, {answer:,} are allowed",
                        f"max_output_tokens {spec.max_output}",
                        answer / spec.max_output - 1,
                    )
                )
        return out


class MinContext(WithoutSettings):
    """Out: targets whose window is below what the caller asks for, or is not known."""

    name: ClassVar[str] = "min_context"
    hard: ClassVar[bool] = True

    def reject(self, context: RoutingContext, candidates: Sequence[TargetView]) -> Sequence[Rejection]:
        """Reject those with a smaller window."""
        least = context.request.options.min_context
        if least is None:
            return ()
        return [
            self._rejection(view.spec, least)
            for view in candidates
            if view.spec.context_window is None or view.spec.context_window < least
        ]

    def _rejection(self, spec: TargetSpec, least: int) -> Rejection:
        window = spec.context_window
        if window is None:
            return Rejection(spec.name, self.name, f"its window is not known, {least:,} tokens are required")
        return Rejection(
            spec.name,
            self.name,
            f"window {window:,} tokens, {least:,} are required",
            f"min_context {window}",
            least / max(1, window) - 1,
        )


class Retired(WithoutSettings):
    """Out: models after the day of their retirement; the reason names the successor."""

    name: ClassVar[str] = "retired"
    hard: ClassVar[bool] = True

    def reject(self, context: RoutingContext, candidates: Sequence[TargetView]) -> Sequence[Rejection]:
        """Reject the retired ones."""
        dated = [view.spec for view in candidates if view.spec.retires_on is not None]
        if not dated:
            return ()
        today = context.wall.date()
        return [Rejection(spec.name, self.name, reason) for spec in dated if (reason := spec.retired(today))]


def _listed(spec: TargetSpec, name: str) -> bool:
    if name in spec.tags or name in spec.abilities:
        return True
    return GENERAL in spec.tags and name not in _ABILITY_WORDS


def _lacking(spec: TargetSpec, needed: Sequence[str]) -> str:
    return ", ".join(_ABILITY_WORDS.get(name, f"lacks {name}") for name in needed if name not in spec.abilities)
