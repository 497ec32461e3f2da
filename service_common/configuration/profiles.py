"""Profiles in the file: how candidates are filtered, scored and picked, and how often they are tried."""

from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from service_common.configuration.scalars import Duration, JsonObject
from service_common.configuration.section import Section

Steering = Literal["rules", "domains", "lengths", "tasks", "tiers"]
Share = Annotated[float, Field(ge=0, le=1)]
Weight = Annotated[float, Field(le=1_000_000)]


class AttemptsSection(Section):
    """How often and how long targets are tried; the meaning of each is in `router_service.domain.profile`.

    Attributes:
        targets: most different targets; `retries_per_target`: further attempts on one; `total`: most attempts in all.
        first_token_timeout: None: learned from the target.
        wait_for_retry_after: longest wait that is sat out where a target says how long; 0: none.
        hedge_budget: most hedges, as a share of the profile's calls.
    """

    targets: Annotated[int, Field(ge=1, le=50)] = 4
    retries_per_target: Annotated[int, Field(ge=0, le=10)] = 1
    total: Annotated[int, Field(ge=1, le=100)] = 6
    per_attempt_timeout: Duration = 120.0
    first_token_timeout: Duration | None = None
    idle_timeout: Duration = 30.0
    default_deadline: Duration = 120.0
    wait_for_retry_after: Duration = 0.0
    backoff_base: Duration = 0.2
    backoff_max: Duration = 5.0
    hedge: bool = False
    hedge_budget: Share = 0.05

    @model_validator(mode="after")
    def _check_times(self) -> Self:
        for name in ("per_attempt_timeout", "first_token_timeout", "idle_timeout", "default_deadline"):
            if getattr(self, name) == 0:
                raise ValueError(f"{name} is 0, so that nothing could be answered. Leave it out for the default")
        if self.backoff_base > self.backoff_max:
            raise ValueError("backoff_base is longer than backoff_max")
        return self


class ProfileSection(Section):
    """A named routing policy.

    Attributes:
        scorers: weights by scorer; they need not sum to 1.
        filters: those that apply in addition to the hard ones; empty: all.
        settings: of plugins, by plugin name.
        follows: which sections of the file may steer it; a profile named for one criterion leaves most of them out.
        chain: an explicit order of targets or aliases to try; empty: the picker's.
        last_resort: a target tried after all others, even beyond the limits of `attempts`.
    """

    scorers: Mapping[str, Weight] = {}
    picker: str = "best"
    filters: tuple[str, ...] = ()
    attempts: AttemptsSection = AttemptsSection()
    settings: Mapping[str, JsonObject] = {}
    last_resort: str = ""
    follows: tuple[Steering, ...] = ("rules", "domains", "lengths", "tasks", "tiers")
    chain: tuple[str, ...] = ()

    @field_validator("scorers")
    @classmethod
    def _check_weights(cls, weights: Mapping[str, float]) -> Mapping[str, float]:
        negative = [name for name, weight in weights.items() if weight < 0]
        if negative:
            raise ValueError(f"the weight of {' and '.join(negative)} is negative: a weight is 0 or more")
        if weights and not any(weights.values()):
            raise ValueError("all weights are 0, so that no candidate is better than another. Give one more than 0")
        return weights
