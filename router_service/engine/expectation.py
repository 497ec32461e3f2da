"""What a request should take on each target: tokens, money, time."""

from collections.abc import Iterable
from dataclasses import dataclass

from router_service.contracts.engine import PromptSize, TokenEstimator
from router_service.domain.decision import Classification, Expectation
from router_service.domain.target import TargetView


@dataclass(frozen=True, slots=True)
class Measured:
    """The size of a prompt that one family has counted already."""

    count: int

    def tokens(self, family: str) -> int:
        """The count, for the family that made it."""
        return self.count


class Expecting:
    """Makes expectations. Keeps each model's token family, which never changes."""

    def __init__(self, estimator: TokenEstimator) -> None:
        """Keep the estimator."""
        self._estimator = estimator
        self._families: dict[str, str] = {}

    def expect(self, size: PromptSize, found: Classification, views: Iterable[TargetView]) -> dict[str, Expectation]:
        """One expectation per target.

        The time is that to the first token plus the expected answer at the target's token rate: measured figures,
        else priors. The cost is by price, as if nothing of the prompt were cached.
        """
        output = found.expected_output_tokens
        families = self._families
        counted: dict[str, int] = {}
        expected = {}
        for view in views:
            spec = view.spec
            family = families.get(spec.model)
            if family is None:
                family = families[spec.model] = self._estimator.family_of(spec.model)
            tokens = counted.get(family)
            if tokens is None:
                tokens = counted[family] = size.tokens(family)
            price = spec.price
            cost = None if price is None else price.cost(tokens, output)
            metrics = view.metrics
            first_token = metrics.first_token
            if first_token is None:
                first_token = spec.priors.first_token
            rate = metrics.tokens_per_second or spec.priors.tokens_per_second
            expected[spec.name] = Expectation(cost, first_token + output / rate, first_token, tokens, output)
        return expected
