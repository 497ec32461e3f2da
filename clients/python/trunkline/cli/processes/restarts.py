"""How long to wait before a process that ended is started again."""

from dataclasses import dataclass
from random import Random


@dataclass(frozen=True, slots=True)
class RestartPolicy:
    """Exponential back-off with jitter, in seconds.

    Attributes:
        first: the longest first wait.
        longest: the longest wait of all.
        forgiven_after: a process that ran this long begins anew with the first wait.
    """

    first: float = 0.2
    longest: float = 10.0
    forgiven_after: float = 30.0

    def wait(self, failures: int, random: Random) -> float:
        """Seconds to wait after this many ends in a row (from 1): between half and all of the doubling limit."""
        limit = min(self.longest, self.first * 2.0 ** min(failures - 1, 30))
        return limit * random.uniform(0.5, 1.0)
