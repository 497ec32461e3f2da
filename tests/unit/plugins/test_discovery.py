"""The registry of plugins, and plugins that other packages bring."""

import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

import pytest
import yaml
from pydantic import BaseModel

from router_service.domain.profile import Profile
from router_service.plugins.builtin import built_in_plugins
from router_service.plugins.discovery import PluginLoadError, installed_plugins
from router_service.plugins.registry import UnknownPlugin
from router_service.plugins.settings import NoSettings
from service_common.vocabulary import PluginKind
from tests.support.routing import StillClock, ask, engine_for, snapshot, view
from tests.support.settings import attempt_limits

PAGE = Path(__file__).parents[3] / "docs" / "plugins.md"
ENTRY_POINTS = re.compile(r'\[project\.entry-points\."([\w.]+)"\]\n((?:\w+ = "[^"]+"\n)+)')


class Nothing:
    """A scorer with the name of another."""

    name: ClassVar[str] = "cost"
    settings_model: ClassVar[type[BaseModel]] = NoSettings


class Another(Nothing):
    """A scorer with a name of its own."""

    name: ClassVar[str] = "another"


def block(language: str) -> str:
    """The first block of code in that language on the documentation's page."""
    found = re.search(rf"```{language}\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    assert found is not None
    return found[1]


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty directory from which Python imports, as if packages were installed there."""
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    for name in ("acme_routing", "broken_routing"):
        sys.modules.pop(name, None)


def install(site: Path, package: str, entry_points: str, module: str) -> None:
    """What an installer leaves behind: the module, and the metadata that name its entry points."""
    metadata = site / f"{package.replace('-', '_')}-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n", "utf-8")
    (metadata / "entry_points.txt").write_text(entry_points, "utf-8")
    (site / f"{package.replace('-', '_')}.py").write_text(module, "utf-8")


def test_the_package_in_the_documentation_works(site: Path) -> None:
    """The page's package is found, its settings apply, its scorer ranks and its filter rejects."""
    groups = ENTRY_POINTS.findall(block("toml"))
    points = "\n".join(f"[{group}]\n{lines.replace(chr(34), '')}" for group, lines in groups)
    install(site, "acme-routing", points, block("python"))
    written: dict[str, Any] = yaml.safe_load(block("yaml"))["profiles"]["acme"]
    views = (view("groq/a"), view("openai/b"), view("mainframe/c"))
    night = StillClock(wall=datetime(2026, 6, 15, 3, 0, tzinfo=UTC))
    engine = engine_for(
        views,
        plugins=installed_plugins(),
        clock=night,
        profiles={"acme": Profile("acme", attempts=attempt_limits(), **written)},
    )
    decision = engine.decide(ask(profile="acme"), snapshot(*views), 60.0)
    assert decision.plan == ("groq/a", "openai/b")
    assert [(one.target, one.filter) for one in decision.rejections] == [("mainframe/c", "office_hours")]


def test_a_package_that_cannot_be_imported_is_named(site: Path) -> None:
    """The message says which package, which entry point, and why."""
    install(site, "broken-routing", "[trunkline.scorers]\nbad = broken_routing:Bad\n", "import no_such_module\n")
    with pytest.raises(PluginLoadError, match=r'"bad" \(trunkline\.scorers\).*broken-routing.*no_such_module'):
        installed_plugins()


def test_what_is_no_plugin_is_refused(site: Path) -> None:
    """A function, and a class without settings, are no plugins."""
    install(site, "broken-routing", "[trunkline.pickers]\nbad = broken_routing:Bad\n", "class Bad:\n    name = 'bad'\n")
    with pytest.raises(PluginLoadError, match="settings_model"):
        installed_plugins()


def test_a_name_belongs_to_one_plugin_of_any_kind() -> None:
    """A second plugin of a taken name is refused, also as another kind."""
    registry = built_in_plugins()
    for kind in (PluginKind.SCORER, PluginKind.FILTER):
        with pytest.raises(ValueError, match="has the name of the scorer of trunkline"):
            registry.add(kind, Nothing, origin="elsewhere")


def test_an_unknown_name_gets_the_nearest() -> None:
    """`latancy` was meant to be `latency`; a name of another kind is unknown as well."""
    registry = built_in_plugins()
    with pytest.raises(UnknownPlugin, match='Did you mean "latency"'):
        registry.settings_model("scorer", "latancy")
    with pytest.raises(KeyError):
        registry.settings_model("picker", "cost")


def test_a_new_registry_each_time() -> None:
    """What is added to one registry is not in the next: nothing is registered globally."""
    first = built_in_plugins()
    first.add("scorer", Another, origin="elsewhere")
    assert "another" in first.names("scorer")
    assert "another" not in built_in_plugins().names("scorer")
