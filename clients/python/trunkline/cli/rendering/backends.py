"""How a backend stands after its worker started: its state, its models, and every doubt about them."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Group
from rich.text import Text

from trunkline.cli.processes.router_tools import BackendDescription
from trunkline.cli.rendering import formats
from trunkline.targets import TargetRow

_MOST_MODELS = 4
_MOST_DOUBTS = 3
_MOST_DOUBTED = 2
_CHOSEN = frozenset({"ready", "disabled"})
"""States that want no explanation: nothing is wrong, or somebody said so."""


@dataclass(frozen=True, slots=True)
class Standing:
    """A backend's state, what to say beside it, and each thing that is wrong with its models, in lines of their own.

    Attributes:
        bad: whether it answers nothing, or may not.
    """

    state: Text
    detail: Text
    doubts: tuple[str, ...] = ()
    bad: bool = False

    def beside(self) -> Group:
        """All that is said beside the state."""
        return Group(self.detail, *(Text(doubt, "yellow") for doubt in self.doubts))

    def sentence(self) -> str:
        """All of it in one line."""
        return "; ".join((f"{self.state}: {self.detail}", *self.doubts))


def standing(backend: BackendDescription, rows: Sequence[TargetRow], *, unattached: bool) -> Standing:
    """How a backend stands, by its rows of the table."""
    if not backend.enabled:
        return Standing(Text("disabled", "dim"), Text("by the configuration", "dim"))
    lacking = next((row.state_reason for row in rows if row.state == "not_configured"), None)
    if lacking is not None:
        return Standing(Text("not configured", "yellow"), Text(lacking, "yellow"), bad=True)
    if unattached and backend.external:
        text = "for its worker, which you start (docs/workers.md); a line below says when it is attached"
        return Standing(Text("waiting", "yellow"), Text(text, "dim"), bad=True)
    if unattached:
        text = "its worker is not attached yet; a line below says when it is"
        return Standing(Text("starting", "yellow"), Text(text, "dim"), bad=True)
    ready = [_model(row) for row in rows if row.state == "ready"]
    doubts = _doubts(rows)
    if not ready:
        if rows and all(row.state == "disabled" for row in rows):
            reasons = dict.fromkeys(row.state_reason for row in rows)
            return Standing(Text("disabled", "dim"), Text("; ".join(reasons), "dim"))
        state = Text(rows[0].state if rows else "no models", "yellow")
        first, *others = doubts or ["it reports no model"]
        return Standing(state, Text(first, "dim"), tuple(others), bad=True)
    more = f" and {len(ready) - _MOST_MODELS} more" if len(ready) > _MOST_MODELS else ""
    state = Text("simulated", "yellow") if backend.simulated else Text("ready", "green")
    return Standing(state, Text(f"{', '.join(ready[:_MOST_MODELS])}{more}", "dim"), tuple(doubts), bad=bool(doubts))


def _doubts(rows: Sequence[TargetRow]) -> list[str]:
    """What is wrong, each thing once with the models that it is said of; without them where it is said of all."""
    said: dict[tuple[str, str], list[TargetRow]] = {}
    for row in rows:
        if row.state_reason and row.state != "disabled":
            said.setdefault((row.state, row.state_reason), []).append(row)
        elif row.state not in _CHOSEN:
            said.setdefault((row.state, ""), []).append(row)
    if len(said) == 1 and all(len(told) == len(rows) for told in said.values()):
        return [reason or state for state, reason in said]
    doubts = [_doubt(state, reason, told) for (state, reason), told in said.items()]
    if len(doubts) > _MOST_DOUBTS:
        doubts[_MOST_DOUBTS:] = [f"and {len(doubts) - _MOST_DOUBTS} more such remarks: `trunkline table` shows all"]
    return doubts


def _doubt(state: str, reason: str, rows: Sequence[TargetRow]) -> str:
    names = ", ".join(_model(row) for row in rows[:_MOST_DOUBTED])
    if len(rows) > _MOST_DOUBTED:
        names += f" and {formats.plural(len(rows) - _MOST_DOUBTED, 'other model')}"
    if state == "ready":
        return f"{names}: {reason}"
    return f"{names}: {state}, {reason}" if reason else f"{names}: {state}"


def _model(row: TargetRow) -> str:
    return row.target.partition("/")[2]
