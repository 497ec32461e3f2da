"""A profile: a named routing policy, as the engine and the dispatch read it."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from msgspec import Struct


class AttemptLimits(Struct, frozen=True):
    """How often and how long targets are tried. Times in seconds.

    Attributes:
        targets: most different targets.
        retries_per_target: most further attempts on one target after its first.
        total: most attempts in all, hedges included.
        per_attempt_timeout: longest attempt.
        first_token_timeout: longest silence before the first token; None: learned from the target, else 30 s.
        idle_timeout: longest silence between two pieces of an answer.
        default_deadline: for callers that set none.
        wait_for_retry_after: longest wait that is sat out on the same target when it says how long; 0: none.
        backoff_base, backoff_max: of the exponential back-off with full jitter before a retry.
        hedge: whether a second attempt is started when the first is slow.
        hedge_budget: most hedges, as a share of the profile's calls, 0..1.
    """

    targets: int
    retries_per_target: int
    total: int
    per_attempt_timeout: float
    first_token_timeout: float | None
    idle_timeout: float
    default_deadline: float
    wait_for_retry_after: float
    backoff_base: float
    backoff_max: float
    hedge: bool
    hedge_budget: float


class Profile(Struct, frozen=True):
    """A named routing policy.

    Attributes:
        scorers: weights by scorer name; they need not sum to 1.
        settings: each plugin's own settings (validated by its settings model), by plugin name.
        filters: names of the filters that apply in addition to the hard ones; empty: all that are registered.
        follows: which of the configuration's sections may steer it: `rules`, `domains`, `lengths`, `tasks`, `tiers`.
        chain: an explicit fallback order of targets; empty: the picker's.
        picker: the picker's name.
        last_resort: a target tried after all others even beyond the limits of `attempts`; empty: none.
    """

    name: str
    scorers: Mapping[str, float]
    attempts: AttemptLimits
    picker: str = "best"
    settings: Mapping[str, Any] = MappingProxyType({})
    filters: tuple[str, ...] = ()
    last_resort: str = ""
    follows: tuple[str, ...] = ("rules", "domains", "lengths", "tasks", "tiers")
    chain: tuple[str, ...] = ()
