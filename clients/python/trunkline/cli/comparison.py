"""Several profiles asked the same question, side by side."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import trunkline
from trunkline.decisions import Candidate, Decision
from trunkline.messages import Prompt
from trunkline.options import CompletionOptions


@dataclass(frozen=True, slots=True)
class Comparison:
    """What each profile decides.

    Attributes:
        decisions: by the profile that was asked for, in the order of asking.
        qualities: 0 to 1, by target.
    """

    decisions: Mapping[str, Decision]
    qualities: Mapping[str, float]

    @property
    def targets(self) -> tuple[str, ...]:
        """Every target that any profile admits: planned ones first, in the order in which profiles plan them."""
        planned = [target for decision in self.decisions.values() for target in decision.plan]
        admitted = [entry.target for decision in self.decisions.values() for entry in decision.candidates]
        return tuple(dict.fromkeys([*planned, *admitted]))

    @property
    def rejected_by_all(self) -> tuple[str, ...]:
        """Every target that no profile admits, by name."""
        removed = {entry.target for decision in self.decisions.values() for entry in decision.rejections}
        return tuple(sorted(removed.difference(self.targets)))

    def candidate(self, profile: str, target: str) -> Candidate | None:
        """What a profile says of a target; None: it does not admit it."""
        return next((entry for entry in self.decisions[profile].candidates if entry.target == target), None)

    def choice(self, profile: str) -> Candidate | None:
        """The first target of a profile's plan; None: nothing fits."""
        plan = self.decisions[profile].plan
        return self.candidate(profile, plan[0]) if plan else None

    def expectations(self, target: str) -> Candidate | None:
        """The target as the first profile that admits it sees it: cost and time do not depend on the profile."""
        found = (self.candidate(profile, target) for profile in self.decisions)
        return next((entry for entry in found if entry is not None), None)


def compare(
    client: "trunkline.Client", prompt: Prompt, options: CompletionOptions, profiles: Sequence[str]
) -> Comparison:
    """Ask the router how it decides under each profile; nothing is sent to any provider.

    Raises:
        TrunklineError: as `trunkline.errors` says; InvalidRequest where there is no such profile.
    """
    decisions = {}
    for profile in profiles:
        asked = options.copy()
        asked["profile"] = profile
        decisions[profile] = client.route(prompt, **asked)
    return Comparison(decisions, {model.target: model.quality for model in client.models().models})
