"""Finds out what a request is, by asking every classifier in turn."""

from router_service.contracts.engine import TokenEstimator
from router_service.contracts.plugins import Classifier
from router_service.domain.decision import Classification
from router_service.domain.request import Request
from service_common.clock import Clock
from service_common.vocabulary import Sensitivity

DEFAULT_FAMILY = "default"


class Classifying:
    """The chain of classifiers."""

    def __init__(self, classifiers: tuple[Classifier, ...], estimator: TokenEstimator, clock: Clock) -> None:
        """Keep the classifiers, in the order in which they are asked."""
        self._classifiers = classifiers
        self._estimator = estimator
        self._clock = clock

    def classify(self, request: Request) -> Classification:
        """What a request is."""
        options = request.options
        found = Classification(
            sensitivity=options.sensitivity or Sensitivity.INTERNAL,
            input_tokens=self._estimator.estimate(request, DEFAULT_FAMILY),
            domain=options.domain,
            given_by_caller=("sensitivity",) if options.sensitivity is not None else (),
        )
        for classifier in self._classifiers:
            found = classifier.classify(request, found)
        return found
