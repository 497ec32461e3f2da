"""Tokens of requests, estimated per model family and corrected by what providers report."""

from collections.abc import Mapping
from typing import Any

from router_service.domain.attempt import AttemptRecord
from router_service.domain.request import Request
from service_common.tokens.correction import TokenCorrection
from service_common.tokens.estimate import estimate_image, estimate_message_overhead, measure_text, weigh
from service_common.tokens.family import Family, family_of
from service_common.vocabulary import Operation

_FAMILIES: Mapping[str, Family] = {family.value: family for family in Family}
"""A tenth of what asking the enum costs, for each family of each request."""


class TokenCounter:
    """Implements `TokenEstimator`, and learns as an `AttemptObserver`."""

    def __init__(self) -> None:
        """Begin with estimates that nothing corrects."""
        self._correction = TokenCorrection()
        # A request is measured once, then weighed for each family that its candidates need.
        self._measured: tuple[Request, tuple[float, ...]] | None = None

    def family_of(self, provider: str, model: str) -> str:
        """The family of a model, by its name."""
        return family_of(model).value

    def estimate(self, request: Request, family: str) -> int:
        """Tokens of the whole prompt as `family` counts them."""
        kind = _FAMILIES[family]
        measured = self._measured
        # The same request comes once per family, one call after the other.
        features = measured[1] if measured is not None and measured[0] is request else self._measure(request)
        tokens = weigh(features, kind)
        if request.operation is not Operation.EMBED:  # whose texts stand in no chat template
            tokens += estimate_message_overhead(kind, len(request.messages), request.tools)
        if request.images:
            tokens += request.images * estimate_image(kind)
        if request.tools_characters:
            tokens += request.tools_characters // 3  # schemas are JSON: about three characters a token
        return self._correction.correct(kind, tokens)

    def observations(self, family: str) -> int:
        """Answers whose reported usage corrected the estimates of `family`."""
        return self._correction.observations(_FAMILIES[family])

    def export(self) -> dict[str, dict[str, Any]]:
        """The corrections by family, as plain values."""
        return {
            family: {"log_factor": log_factor, "observations": observations, "age": 0.0}
            for family, (log_factor, observations) in self._correction.export().items()
        }

    def restore(self, saved: Mapping[str, Mapping[str, Any]]) -> None:
        """Take the corrections of an earlier process."""
        self._correction.restore(
            {family: (known["log_factor"], known["observations"]) for family, known in saved.items()}
        )

    def attempt_settled(self, record: AttemptRecord) -> None:
        """Compare what the provider reported with what was expected, where both are of the same texts."""
        usage = record.outcome.usage
        if usage.estimated or not record.expected_input_tokens or not usage.input_tokens:
            return
        family = family_of(record.target.partition("/")[2])
        uncorrected = round(record.expected_input_tokens / self._correction.factor(family))
        self._correction.observe(family, uncorrected, usage.input_tokens)

    def _measure(self, request: Request) -> tuple[float, ...]:
        features = measure_text(request.text)
        self._measured = (request, features)
        return features
