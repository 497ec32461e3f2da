"""What a request should take on each target: tokens, money, time."""

from collections.abc import Iterable, Mapping

from msgspec.structs import replace

from router_service.contracts.engine import TokenEstimator
from router_service.domain.decision import Classification, Expectation
from router_service.domain.request import Request
from router_service.domain.target import TargetView
from service_common.vocabulary import Operation

_EMBED = Operation.EMBED


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
            expected[spec.name] = expectation(view, tokens, output, tokens)
        if request.operation is _EMBED and len(request.messages) > 1:
            return self._by_text(request, expected)
        return expected

    def _by_text(self, request: Request, expected: Mapping[str, Expectation]) -> dict[str, Expectation]:
        """An embedding model reads each text by itself: its window need not hold all of them at once."""
        longest = max(request.messages, key=lambda message: len(message.text.encode("utf-8", "replace")))
        alone = replace(request, messages=(longest,))
        families = {name: self._families[name] for name in expected}
        tokens = {family: self._estimator.estimate(alone, family) for family in set(families.values())}
        return {name: replace(known, window_tokens=tokens[families[name]]) for name, known in expected.items()}


def expectation(view: TargetView, input_tokens: int, output_tokens: int, window_tokens: int) -> Expectation:
    """What so many tokens should take on a target.

    The time is that to the first token plus the expected answer at the target's token rate: measured figures, else
    priors. The cost is by price, as if nothing of the prompt were cached.
    """
    price = view.spec.price
    cost = None if price is None else price.cost(input_tokens, output_tokens)
    first_token = view.first_token
    latency = first_token + output_tokens / view.tokens_per_second
    return Expectation(cost, latency, first_token, input_tokens, output_tokens, window_tokens)
