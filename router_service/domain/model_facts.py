"""What the table of facts says of a model, in the router's words: the same for configured and discovered models."""

from router_service.domain.target import Price
from service_common.facts.model import Ability, Mode, ModelFacts
from service_common.vocabulary import ModelMode

_ABILITY_NAMES = {Ability.PDF: "files"}
"""Where the table names an ability otherwise than the router does."""


def mode_in(facts: ModelFacts) -> ModelMode:
    """What the model is for."""
    return ModelMode.EMBEDDING if facts.mode is Mode.EMBEDDING else ModelMode.CHAT


def abilities_in(facts: ModelFacts) -> frozenset[str]:
    """The abilities under the router's names."""
    return frozenset(_ABILITY_NAMES.get(ability, ability.value) for ability in facts.abilities)


def price_in(facts: ModelFacts) -> Price | None:
    """The price; an embedding's answer costs nothing. None: not known."""
    output = 0 if facts.output_price is None and facts.mode is Mode.EMBEDDING else facts.output_price
    if facts.input_price is None or output is None:
        return None
    cached = facts.input_price if facts.cached_input_price is None else facts.cached_input_price
    long = facts.long_context
    if long is None or long.input_price is None:
        return Price(facts.input_price, output, cached)
    beyond = Price(
        long.input_price,
        output if long.output_price is None else long.output_price,
        long.input_price if long.cached_input_price is None else long.cached_input_price,
    )
    return Price(facts.input_price, output, cached, long_above=long.above, long=beyond)
