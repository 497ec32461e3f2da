"""Scorers of cost, time and quality."""

from collections.abc import Sequence
from typing import ClassVar

from pydantic import BaseModel, Field

from router_service.contracts.plugins import RoutingContext, Scores
from router_service.domain.target import TargetView
from router_service.plugins.settings import Settings, WithoutSettings
from service_common.money import NANO_PER_DOLLAR


class Cost:
    """Cheaper is better: 1 / (1 + c / r).

    c is the expected cost of this request in dollars per 1,000 of its tokens, divided by the success rate (a target
    that fails every second time costs twice as much per answer); r is the reference cost, at which the value is 0.5.
    A target of unknown price scores 0. Raw figure: c, if known. Source: the cost term of the balanced score,
    0.3 / (1 + cost), on a scale on which cost counts.

    With a `quality_floor`, all targets of at least that quality score above all others, so that the cheapest good
    enough comes first and the others stay as fallbacks: (1 + v) / 2 for those, v / 2 for the others. A caller's own
    required quality stands in the place of the floor: what is below it is no candidate, so cost alone counts.
    """

    name: ClassVar[str] = "cost"

    class Model(Settings):
        """Settings of the scorer.

        Attributes:
            reference: dollars per 1,000 tokens at which the value is 0.5.
            quality_floor: quality 0..1 that is good enough; 0: cost alone counts.
        """

        reference: float = Field(default=0.01, gt=0)
        quality_floor: float = Field(default=0.0, ge=0, le=1)

    settings_model: ClassVar[type[BaseModel]] = Model

    def __init__(self, settings: Model) -> None:
        """Keep the settings."""
        self._reference = settings.reference
        self._floor = settings.quality_floor

    def score(self, context: RoutingContext, candidates: Sequence[TargetView]) -> Scores:
        """One value per candidate."""
        found = context.classification
        scale = 1000 / (NANO_PER_DOLLAR * max(1, found.input_tokens + found.expected_output_tokens))
        reference = self._reference
        expected = context.expectations
        values = []
        raw: list[float | None] = []
        for view in candidates:
            cost = expected[view.spec.name].cost
            if cost is None:
                values.append(0.0)
                raw.append(None)
                continue
            rate = view.success_rate
            per_1k = cost * scale / (rate if rate > 0.01 else 0.01)
            values.append(reference / (reference + per_1k))
            raw.append(per_1k)
        if self._floor > 0 and context.request.options.required_quality is None:
            task = found.task.label
            good = [view.quality(task) >= self._floor for view in candidates]
            values = [(value + fits) / 2 for value, fits in zip(values, good, strict=True)]
        return Scores(values, raw)


class Latency:
    """Faster is better: 1 / (1 + t / r).

    t is the expected time to the whole answer in seconds (first token, then the expected length at the measured token
    rate) times 1 + load, load being the attempts in flight and queued per slot; r is the reference latency, at which
    the value is 0.5. Raw figure: t. Source: the latency term of the balanced score, 0.3 / (1 + latency).
    """

    name: ClassVar[str] = "latency"

    class Model(Settings):
        """Settings of the scorer.

        Attributes:
            reference: seconds at which the value is 0.5.
            load_weight: how much load counts; 0: not at all.
        """

        reference: float = Field(default=3.0, gt=0)
        load_weight: float = Field(default=1.0, ge=0)

    settings_model: ClassVar[type[BaseModel]] = Model

    def __init__(self, settings: Model) -> None:
        """Keep the settings."""
        self._reference = settings.reference
        self._load_weight = settings.load_weight

    def score(self, context: RoutingContext, candidates: Sequence[TargetView]) -> Scores:
        """One value per candidate."""
        reference = self._reference
        weight = self._load_weight
        expected = context.expectations
        raw = [expected[view.spec.name].latency * (1 + weight * view.load) for view in candidates]
        return Scores([reference / (reference + slow) for slow in raw], raw)


class Quality(WithoutSettings):
    """Better answers are better: what callers reported of this task, else of any task, else the configured quality."""

    name: ClassVar[str] = "quality"

    def score(self, context: RoutingContext, candidates: Sequence[TargetView]) -> Scores:
        """One value per candidate."""
        task = context.classification.task.label
        # Most targets have no reports: their quality is the configured one, and nothing has to be asked.
        return Scores(
            [view.spec.quality if view.metrics.reported_quality is None else view.quality(task) for view in candidates]
        )
