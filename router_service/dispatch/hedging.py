"""How many hedges there may be: a token bucket per profile, into which every call pays a share of a hedge."""

from router_service.domain.profile import Profile

MOST_SAVED = 10.0
"""Hedges that may be saved up, so that a quiet hour does not pay for a storm."""


class HedgeBudget:
    """Of `n` calls at most `1 + share * n` are hedged.

    Attributes:
        hedged: hedges since the start; `denied`: calls that were slow enough for one when nothing was left.
    """

    __slots__ = ("_left", "_share", "denied", "hedged")

    def __init__(self, share: float) -> None:
        """Begin with one; `share` in 0..1."""
        self._share = share
        self._left = 1.0
        self.hedged = 0
        self.denied = 0

    def follow(self, share: float) -> None:
        """Take another share; what was saved stays."""
        self._share = share

    def earn(self) -> None:
        """A call has begun."""
        self._left = min(MOST_SAVED, self._left + self._share)

    def allows(self) -> bool:
        """Whether one more may start; nothing is taken yet."""
        if self._share > 0 and self._left >= 1.0:
            return True
        self.denied += 1
        return False

    def spend(self) -> None:
        """One has started."""
        self._left -= 1.0
        self.hedged += 1


class HedgeBudgets:
    """The budget of each profile, which outlives reloads of the configuration.

    Attributes:
        by_profile: those of profiles that were used, by name.
    """

    def __init__(self) -> None:
        """Begin with none."""
        self.by_profile: dict[str, HedgeBudget] = {}

    def of(self, profile: Profile) -> HedgeBudget:
        """The profile's budget, under the share that it names now."""
        share = profile.attempts.hedge_budget
        budget = self.by_profile.get(profile.name)
        if budget is None:
            budget = self.by_profile[profile.name] = HedgeBudget(share)
        budget.follow(share)
        return budget
