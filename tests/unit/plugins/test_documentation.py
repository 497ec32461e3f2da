"""docs/routing.md tells of every plugin that comes with the router."""

import re
from pathlib import Path

import pytest

from router_service.engine.profiles import VOTE
from service_common.vocabulary import PluginKind
from tests.unit.plugins.worlds import PLUGINS

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "routing.md").read_text(encoding="utf-8")


def table(kind: PluginKind) -> list[str]:
    """The names in the first column of the table of that kind; a row may name several."""
    [rows] = re.findall(rf"^\| {kind.value} \|.*\n\|[-|]+\n((?:\|.*\n)+)", PAGE, re.MULTILINE)
    return [name for row in rows.splitlines() for name in re.findall(r"`(\w+)`", row.split("|")[1])]


@pytest.mark.parametrize("kind", PluginKind)
def test_every_plugin_has_a_row(kind: PluginKind) -> None:
    """In the table of its kind; what has a row exists: as a plugin, or as what an ensemble's pick is called."""
    named = (*PLUGINS.names(kind), VOTE) if kind is PluginKind.PICKER else PLUGINS.names(kind)
    assert sorted(table(kind)) == sorted(named)
