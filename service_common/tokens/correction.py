"""Learns from the usage that providers report how far the estimates are off."""

import math
from collections.abc import Mapping

from msgspec import Struct

from service_common.tokens.family import Family

LIMIT = 2.0
"""The correction stays between 1 / LIMIT and LIMIT: one strange report cannot double a bill's estimate twice."""
MEMORY = 20
"""From so many observations on, older ones fade."""
SMALLEST = 20
"""Tokens below which a report says more about the chat template than about the text."""


class _Learned(Struct, frozen=True):
    """`factor`: e to the `log_factor`, kept because it is asked for far more often than it changes."""

    log_factor: float = 0.0
    observations: int = 0
    factor: float = 1.0

    @classmethod
    def of(cls, log_factor: float, observations: int) -> "_Learned":
        return cls(log_factor, observations, math.exp(log_factor))


class TokenCorrection:
    """A factor per family, the moving geometric mean of reported over estimated tokens.

    It begins at 1, which counts as one observation, so that a few reports suffice. Not thread-safe: one event loop
    owns it.
    """

    def __init__(self) -> None:
        """Begin with no observation."""
        self._learned: dict[Family, _Learned] = {}

    def factor(self, family: Family) -> float:
        """What to multiply an estimate for `family` with."""
        learned = self._learned.get(family)
        return 1.0 if learned is None else learned.factor

    def observations(self, family: Family) -> int:
        """How many reports the factor of `family` comes from."""
        return self._learned.get(family, _Learned()).observations

    def export(self) -> dict[str, tuple[float, int]]:
        """What was learned, by family, for `restore` in a later process."""
        return {family.value: (known.log_factor, known.observations) for family, known in self._learned.items()}

    def restore(self, saved: Mapping[str, tuple[float, int]]) -> None:
        """Begin with what was learned earlier; families that there are no more are left out."""
        families = {family.value: family for family in Family}
        for name, (log_factor, observations) in saved.items():
            if name in families:
                self._learned[families[name]] = _Learned.of(float(log_factor), int(observations))

    def correct(self, family: Family, estimated: int) -> int:
        """`estimated` tokens, corrected; 0 stays 0 and nothing else becomes it."""
        learned = self._learned.get(family)
        if learned is None or not estimated:
            return estimated
        return max(1, round(estimated * learned.factor))

    def observe(self, family: Family, estimated: int, reported: int) -> None:
        """Take in that the provider counted `reported` input tokens where `estimated` (uncorrected) were expected.

        Cached input tokens belong to `reported`. Requests of fewer than SMALLEST tokens teach nothing.
        """
        if estimated < SMALLEST or reported <= 0:
            return
        bound = math.log(LIMIT)
        seen = max(-bound, min(bound, math.log(reported / estimated)))
        old = self._learned.get(family, _Learned())
        weight = 1 / (min(old.observations, MEMORY) + 2)
        mean = old.log_factor + weight * (seen - old.log_factor)
        self._learned[family] = _Learned.of(mean, old.observations + 1)
