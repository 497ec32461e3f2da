"""What was counted and measured of a target, for people who look at it."""

from collections.abc import Mapping

from msgspec import Struct

from service_common.failures import FailureClass


class Summary(Struct, frozen=True):
    """A window of times in seconds; None where it is empty."""

    samples: int = 0
    mean: float | None = None
    p50: float | None = None
    p95: float | None = None


class Windows(Struct, frozen=True):
    """The newest measurements of a target: whole answers, first tokens, nano-dollars an answer; None: there is none."""

    latency: Summary
    first_token: Summary
    tokens_per_second: float | None
    cost: float | None
    reported_quality: float | None


class TargetStatistics(Struct, frozen=True):
    """One target.

    Attributes:
        attempts: settled since the router's start, as are `successes`, `failures`, `spent` and the tokens.
        latency, first_token: of the newest attempts that say something about the target, also of earlier processes.
        spent: nano-dollars.
    """

    target: str
    attempts: int
    successes: int
    failures: Mapping[FailureClass, int]
    latency: Summary
    first_token: Summary
    tokens_per_second: float | None
    spent: int
    input_tokens: int
    output_tokens: int
    reported_quality: float | None
