"""Reliability in the file: when targets are left alone, and how they come back."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from service_common.configuration.scalars import Duration
from service_common.configuration.section import Section

Share = Annotated[float, Field(gt=0, le=1)]
Span = Annotated[Duration, Field(gt=0, le=86_400)]


class CircuitSection(Section):
    """When a target's circuit opens, and for how long.

    Attributes:
        failures_in_row: so many failures one after the other open it.
        window: outcomes over which the share is counted; `failure_share`: of them in a full window opens it.
        open_for: time until one call may probe; doubles while probes fail, up to `open_for_max`.
        default_cooldown: of a rate limit that does not say how long it lasts.
    """

    failures_in_row: Annotated[int, Field(ge=1, le=10_000)] = 5
    window: Annotated[int, Field(ge=1, le=10_000)] = 20
    failure_share: Share = 0.5
    open_for: Span = 10.0
    open_for_max: Span = 60.0
    default_cooldown: Span = 5.0

    @model_validator(mode="after")
    def _check_times(self) -> Self:
        if self.open_for > self.open_for_max:
            raise ValueError("open_for is longer than open_for_max")
        return self


class ProbesSection(Section):
    """How targets that are out, or whose circuit is open, are asked whether they serve again.

    Attributes:
        interval: between two probes of a target; 0: none is sent.
        timeout: of one probe.
        paid: whether a target whose provider has no free way to ask gets a prompt of one token.
    """

    interval: Annotated[Duration, Field(ge=0, le=86_400)] = 10.0
    timeout: Span = 10.0
    paid: bool = False
