"""What a request should take on each target: tokens, money, time."""

from collections.abc import Iterable

from router_service.contracts.engine import TokenEstimator
from router_service.domain.decision import Classification, Expectation
from router_service.domain.request import Request
from router_service.domain.target import TargetView

_new = tuple.__new__
"""Makes a named tuple without the call in Python that its constructor costs: one is made for each target."""


class Expecting:
    """Makes expectations. Keeps each model's token family, which never changes."""

    def __init__(self, estimator: TokenEstimator) -> None:
        """Keep the estimator."""
        self._estimator = estimator
        self._families: dict[str, str] = {}

    def expect(self, request: Request, found: Classification, views: Iterable[TargetView]) -> dict[str, Expectation]:
        """One expectation per target; tokens are counted once per family of models."""
        output = found.expected_output_tokens
        families = self._families
        counted: dict[str, int] = {}
        expected = {}
        for view in views:
            spec = view.spec
            family = families.get(spec.name)
            if family is None:
                family = families[spec.name] = self._estimator.family_of(spec.provider, spec.model)
            tokens = counted.get(family)
            if tokens is None:
                tokens = counted[family] = self._estimator.estimate(request, family)
            expected[spec.name] = expectation(view, tokens, output)
        return expected


def expectation(view: TargetView, input_tokens: int, output_tokens: int) -> Expectation:
    """What so many tokens should take on a target.

    The time is that to the first token plus the expected answer at the target's token rate: measured figures, else
    priors. The cost is by price, as if nothing of the prompt were cached.
    """
    price = view.spec.price
    metrics = view.metrics
    first_token = metrics.first_token
    if first_token is None:
        first_token = view.spec.priors.first_token
    rate = metrics.tokens_per_second or view.spec.priors.tokens_per_second
    cost = None if price is None else price.cost(input_tokens, output_tokens)
    return _new(Expectation, (cost, first_token + output_tokens / rate, first_token, input_tokens, output_tokens))
