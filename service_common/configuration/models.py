"""Models in the file: what the configuration knows of each target; the table of facts fills in the rest."""

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from service_common.configuration.backends import Fraction, PriorsSection
from service_common.configuration.capacity import LimitsSection
from service_common.configuration.scalars import Dollars, ModeWord
from service_common.configuration.section import Section

Ability = Literal[
    "vision", "tools", "json_schema", "files", "audio", "reasoning", "prompt_caching", "prefill", "streaming"
]
Rating = Annotated[int, Field(ge=1, le=10)]
Tokens = Annotated[int, Field(ge=1, le=1_000_000_000)]
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.:-]*$", max_length=100)]


class PriceSection(Section):
    """Dollars per 1,000,000 tokens. `cached_input`: of tokens read from the provider's cache; None: as `input`."""

    input: Dollars
    output: Dollars
    cached_input: Dollars | None = None


class ModelSection(Section):
    """One target.

    Attributes:
        quality: 0..1; None: 0.5.
        capabilities: ratings 1..10 by name.
        tags: capabilities by name alone; `general` stands for any.
        price, context_window, max_output, abilities, mode, embedding_dimensions, retires_on: None: as in the table of
            facts.
        tier: the lower, the sooner where a policy goes by tiers.
        limits: of this target alone, besides its backend's.
        retires_on: the day from which it is not used; `successor`: the target that takes its place.
    """

    quality: Fraction | None = None
    capabilities: Mapping[Name, Rating] = {}
    tags: tuple[Name, ...] = ()
    price: PriceSection | None = None
    context_window: Tokens | None = None
    max_output: Tokens | None = None
    abilities: tuple[Ability, ...] | None = None
    mode: ModeWord | None = None
    enabled: bool = True
    tier: Annotated[int, Field(ge=0, le=100)] = 0
    region: str = ""
    retires_on: date | None = None
    successor: str = ""
    embedding_dimensions: Tokens | None = None
    priors: PriorsSection = PriorsSection()
    limits: LimitsSection = LimitsSection()
