"""What operators change while the router runs, as values that can be kept and told to other routers."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from msgspec import Struct

from router_service.domain.switches import Switch
from service_common.vocabulary import TargetState


class ChangeKind(StrEnum):
    """What a change is about."""

    SWITCH = "switch"
    MODEL = "model"
    CONFIGURATION = "configuration"


class Change(Struct, frozen=True):
    """One change. A later one of the same kind and name replaces it.

    Attributes:
        name: a target, a backend (`SWITCH` only), or nothing (`CONFIGURATION`).
        content: plain JSON values; None: what was changed before is taken back.
    """

    kind: ChangeKind
    name: str
    content: Mapping[str, Any] | None


def switch_change(name: str, switch: Switch) -> Change:
    """A target or backend was switched."""
    return Change(ChangeKind.SWITCH, name, {"state": switch.state.label, "reason": switch.reason})


def switch_in(change: Change) -> Switch:
    """The switch that a change sets.

    Raises:
        ValueError: there is no such state.
    """
    content = change.content or {}
    return Switch(TargetState.parse(str(content.get("state", TargetState.READY.label))), str(content.get("reason", "")))
