"""A plugin that cannot be built is a mistake of the configuration, wherever that comes from; the old one stays."""

import asyncio
import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import ClassVar

import pytest
from msgspec.structs import replace
from pydantic import BaseModel

from router_service.config.check import run_check
from router_service.config.overlay import import_change
from router_service.config.running import Sources
from router_service.config.store import ConfigurationStore
from router_service.contracts.plugins import RoutingContext, Scores
from router_service.domain.target import TargetView
from router_service.plugins.builtin import built_in_plugins
from router_service.state.token_counter import TokenCounter
from service_common.clock import SystemClock
from service_common.configuration import ConfigurationErrors
from service_common.facts import FactsTable
from service_common.vocabulary import PluginKind

GOOD = """\
backends: {o: {kind: ollama}}
models: {o/llama3.1: {quality: 0.7}}
profiles:
  own:
    scorers: {word_list: 1}
    settings:
      word_list: {language: english}
"""
BAD = GOOD.replace("english", "klingon")
BETTER = GOOD.replace("0.7", "0.8")
SAID = (
    'profiles.own.settings.word_list: the scorer "word_list" of acme cannot be built: '
    "FileNotFoundError: no words of klingon. Correct its settings, or the plugin."
)


class Language(BaseModel):
    """Settings that the model cannot judge."""

    language: str = "english"


class WordList:
    """A scorer of another package, whose constructor reads what may not be there."""

    name: ClassVar[str] = "word_list"
    settings_model = Language

    def __init__(self, settings: Language) -> None:
        if settings.language != "english":
            raise FileNotFoundError(f"no words of {settings.language}")

    def score(self, context: RoutingContext, candidates: Sequence[TargetView]) -> Scores:
        """All alike."""
        return Scores([1.0] * len(candidates))


class Detector:
    """A classifier that cannot be built with its defaults."""

    name: ClassVar[str] = "detector"
    settings_model = Language

    def __init__(self, settings: Language) -> None:
        raise RuntimeError("no model is installed")


def sources(file: Path, *more: tuple[PluginKind, type]) -> Sources:
    """The file, and the plugins of the package acme."""
    plugins = built_in_plugins()
    for kind, plugin in ((PluginKind.SCORER, WordList), *more):
        plugins.add(kind, plugin, "acme")
    return Sources(file, {}, plugins, FactsTable.load(), SystemClock(), TokenCounter())


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A configuration that can be built."""
    path = tmp_path / "trunkline.yaml"
    path.write_text(GOOD)
    return path


def write(file: Path, text: str) -> None:
    """What an editor does when it saves."""
    file.write_text(text)


def test_the_check_builds_the_plugins(file: Path) -> None:
    """`config check` tells what the constructor said, with the line of the settings."""
    out = io.StringIO()
    assert run_check(sources(file), out, as_json=False) == 0
    write(file, BAD)
    assert run_check(sources(file), out, as_json=False) == 1
    assert f"{file}:7  {SAID}\n1 mistake. Nothing was started.\n" in out.getvalue()


def test_a_router_does_not_start_with_a_plugin_that_cannot_be_built(file: Path) -> None:
    """It says which profile and which plugin; a classifier belongs to no profile."""
    write(file, BAD)
    with pytest.raises(ConfigurationErrors) as refused:
        ConfigurationStore(sources(file))
    assert str(refused.value) == f"{file}:7  {SAID}"
    write(file, GOOD)
    with pytest.raises(
        ConfigurationErrors, match=r'classifiers\.detector: the classifier "detector" of acme.*no model'
    ):
        ConfigurationStore(sources(file, (PluginKind.CLASSIFIER, Detector)))


def test_a_plugin_does_not_tell_what_a_reference_stands_for(file: Path) -> None:
    """Its words may quote its settings: where the environment is in them, only their kind is told."""
    write(file, GOOD.replace("english", "${LANGUAGE}"))
    told = replace(sources(file), environment={"LANGUAGE": "sk-live-0123456789"})
    with pytest.raises(ConfigurationErrors, match="cannot be built: FileNotFoundError, whose words") as refused:
        ConfigurationStore(told)
    assert "sk-live" not in str(refused.value)
    assert refused.value.__cause__ is None


async def test_a_reload_keeps_the_old_configuration(file: Path) -> None:
    """The engine that decides is the old one, and the next good file is taken."""
    store = ConfigurationStore(sources(file))
    before = store.current
    write(file, BAD)
    with pytest.raises(ConfigurationErrors, match="no words of klingon"):
        await store.reload()
    assert store.current is before
    assert store.failed_reloads == 1
    assert [str(mistake) for mistake in store.mistakes] == [f"{file}:7  {SAID}"]
    write(file, BETTER)
    await store.reload()
    assert store.current.engine.catalogue.targets["o/llama3.1"].quality == 0.8


async def test_a_watched_file_cannot_end_the_watch(file: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The log says why the file was not taken, with the plugin's traceback; the next file is taken."""
    store = ConfigurationStore(sources(file))
    watching = asyncio.create_task(store.watch())
    try:
        await until(lambda: store.failed_reloads > 0 or watching.done(), lambda: write(file, BAD))
        assert SAID in caplog.text
        assert 'raise FileNotFoundError(f"no words' in caplog.text
        await until(
            lambda: store.current.configuration.models["o/llama3.1"].quality == 0.8, lambda: write(file, BETTER)
        )
    finally:
        watching.cancel()
        await asyncio.wait([watching])
    assert watching.cancelled()


async def test_an_import_that_cannot_be_built_changes_nothing(file: Path) -> None:
    """Neither what is in force nor what an export shows, and nothing is kept."""
    store = ConfigurationStore(sources(file))
    before, kept = store.current, []

    async def keep() -> None:
        kept.append(True)

    with pytest.raises(ConfigurationErrors, match="no words of klingon"):
        await store.apply((import_change(BAD, store.file),), keep=keep)
    assert (store.current, store.overlay.imported, kept) == (before, None, [])


async def test_what_another_router_kept_is_left_out_where_it_cannot_be_built(
    file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A replica without the words goes on by its own file, also when it starts again."""
    change = import_change(BAD, GOOD)
    for _ in range(2):
        store = ConfigurationStore(sources(file))
        assert await store.follow((change,)) == ()
        assert store.current.configuration.profiles["own"].settings == {"word_list": {"language": "english"}}
        assert "the import does not fit the configuration file any more and is left out" in caplog.text
        assert "no words of klingon" in caplog.text


async def test_what_was_kept_is_left_out_where_it_would_read_the_environment(
    file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Also what an earlier version kept: the file stays in force, and neither answer nor log tells a value."""
    told = replace(sources(file), environment={"KEY": "sk-live-0123456789"})
    store = ConfigurationStore(told)
    before = store.current
    change = store.overlay.upsert("o/llama3.1", {"region": "${KEY}"})
    await store.follow((import_change(f"{GOOD}default_profile: ${{KEY}}\n", store.file), change))
    assert store.current.configuration == before.configuration
    assert "a reference to the environment" in caplog.text
    assert "sk-live" not in caplog.text


async def until(condition: Callable[[], bool], again: Callable[[], None]) -> None:
    """Wait until the condition holds; `again` is done now and then, as a watch does not say when it has begun."""
    async with asyncio.timeout(30):
        while not condition():
            again()
            await asyncio.sleep(0.5)
