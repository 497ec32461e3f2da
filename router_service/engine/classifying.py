"""Finds out what a request is, by asking every classifier in turn; remembers the answers for a while."""

from collections import OrderedDict
from collections.abc import Hashable
from hashlib import sha256

from router_service.contracts.engine import TokenEstimator
from router_service.contracts.plugins import Classifier
from router_service.domain.decision import Classification
from router_service.domain.policy import CacheLimits
from router_service.domain.request import Request
from service_common.clock import Clock
from service_common.vocabulary import Sensitivity

DEFAULT_FAMILY = "default"


class Classifying:
    """The chain of classifiers, with a cache of what they found.

    Identical questions within `limits.ttl` reuse the classification, never anything of the table. The least recently
    used entries leave first. Keys hold digests of the texts: no prompt is kept.
    """

    def __init__(
        self, classifiers: tuple[Classifier, ...], estimator: TokenEstimator, clock: Clock, limits: CacheLimits
    ) -> None:
        """Keep the classifiers, in the order in which they are asked."""
        self._classifiers = classifiers
        self._estimator = estimator
        self._clock = clock
        self._limits = limits
        self._kept: OrderedDict[Hashable, tuple[float, Classification]] = OrderedDict()

    def classify(self, request: Request) -> Classification:
        """What a request is."""
        if self._limits.entries <= 0:
            return self._ask(request)
        key = _key(request)
        now = self._clock.now()
        kept = self._kept.get(key)
        if kept is not None and now - kept[0] < self._limits.ttl:
            self._kept.move_to_end(key)
            return kept[1]
        found = self._ask(request)
        self._kept[key] = (now, found)
        self._kept.move_to_end(key)
        if len(self._kept) > self._limits.entries:
            self._kept.popitem(last=False)
        return found

    def _ask(self, request: Request) -> Classification:
        options = request.options
        found = Classification(
            sensitivity=options.sensitivity or Sensitivity.INTERNAL,
            input_tokens=self._estimator.estimate(request, DEFAULT_FAMILY),
            given_by_caller=("sensitivity",) if options.sensitivity is not None else (),
        )
        for classifier in self._classifiers:
            found = classifier.classify(request, found)
        return found


def _key(request: Request) -> Hashable:
    """Everything that a classifier may read: the whole request but where it goes and who pays; texts as a digest."""
    options = request.options
    return (
        sha256(request.text.encode("utf-8", "surrogatepass")).digest(),
        *[(message.role, len(message.text)) for message in request.messages],
        *(request.operation, request.images, request.files, request.tools, request.tools_characters),
        *(request.json_schema, request.json_answer, request.reasoning, request.max_output_tokens, request.seeded),
        *(options.task, options.complexity, options.sensitivity, options.domain),
        *(sorted(request.labels.items()) if request.labels else ()),
    )
