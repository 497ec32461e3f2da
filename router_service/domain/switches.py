"""What operators switched off: targets and whole backends, by name."""

from collections.abc import Mapping
from types import MappingProxyType

from msgspec import Struct

from service_common.vocabulary import TargetState

POSITIONS = frozenset({TargetState.READY, TargetState.DISABLED, TargetState.DRAINING})


class Switch(Struct, frozen=True):
    """On (`READY`), off (`DISABLED`), or finishing what it has (`DRAINING`), and why.

    Raises:
        ValueError: no such position.
    """

    state: TargetState = TargetState.READY
    reason: str = ""

    def __post_init__(self) -> None:
        """Refuse states that nobody can choose."""
        if self.state not in POSITIONS:
            raise ValueError(f"a target cannot be switched to {self.state.label}")


ON = Switch()
Switches = Mapping[str, Switch]
NONE: Switches = MappingProxyType({})


def switch_of(switches: Switches, target: str) -> Switch:
    """A target's own switch, else its backend's, else on."""
    return switches.get(target) or switches.get(target.partition("/")[0]) or ON


def switched(switches: Switches, name: str, switch: Switch) -> Switches:
    """With a target's switch set, or a backend's, which takes those of its targets along.

    A target may be on although its backend is off: it was switched later.
    """
    backend, _, model = name.partition("/")
    kept = {other: known for other, known in switches.items() if other != name}
    if not model:
        kept = {other: known for other, known in kept.items() if other.partition("/")[0] != backend}
    if switch.state is not TargetState.READY or backend in kept:
        kept[name] = switch
    return kept
