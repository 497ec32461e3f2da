"""The running configuration changes when the file does, and stays as it is when the file is bad."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from router_service.config.overlay import import_change
from router_service.config.running import Running, Sources
from router_service.config.store import ConfigurationStore
from router_service.domain.changes import Change
from router_service.plugins.builtin import built_in_plugins
from router_service.state.token_counter import TokenCounter
from service_common.clock import SystemClock
from service_common.configuration import ConfigurationErrors
from service_common.facts import FactsTable

FIRST = """\
backends: {openai: {kind: openai_wire, api_key: ${KEY}}}
models: {openai/gpt-4o-mini: {quality: 0.7}}
"""
SECOND = FIRST.replace("0.7", "0.8")
BAD = FIRST.replace("gpt-4o-mini", "gpt-4o-mni")
TARGET = "openai/gpt-4o-mini"
PATIENCE = 30.0


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A configuration file."""
    path = tmp_path / "trunkline.yaml"
    path.write_text(FIRST)
    return path


class CountingStore(ConfigurationStore):
    """Counts how often its file was read again."""

    reloads = 0

    async def reload(
        self, changes: Sequence[Change] = (), keep: Callable[[], Awaitable[None]] | None = None
    ) -> tuple[str, ...]:
        """See `ConfigurationStore.reload`."""
        self.reloads += 1
        return await super().reload(changes, keep)


def open_store(file: Path) -> CountingStore:
    """A store of that file."""
    return CountingStore(Sources(file, {}, built_in_plugins(), FactsTable.load(), SystemClock(), TokenCounter()))


def imported(store: ConfigurationStore, text: str) -> tuple[Change, ...]:
    """The change that puts `text` in the place of the file."""
    return (import_change(text, store.file),)


def write(file: Path, text: str) -> None:
    """What an editor does when it saves."""
    file.write_text(text)


def read(file: Path) -> str:
    """What is in the file."""
    return file.read_text()


@asynccontextmanager
async def watching(store: CountingStore, file: Path) -> AsyncIterator[None]:
    """Watches the store's file, from the moment on that a change is noticed."""
    task = asyncio.create_task(store.watch())
    try:
        async with asyncio.timeout(PATIENCE):
            while not store.reloads:  # the watch says nothing when it has begun, so that it is shown something
                file.with_name(".env").touch()
                await asyncio.sleep(0.1)
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def until(condition: Callable[[], bool]) -> None:
    """Wait until the condition holds."""
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110 - the watched state has no event of its own
            await asyncio.sleep(0.02)


def quality(running: Running) -> float:
    """What changes between the two files."""
    return running.catalogue.targets[TARGET].quality


async def test_a_reload_takes_the_new_file_and_tells_what_changed(file: Path) -> None:
    """Subscribers get the new catalogue, those who left do not; calls keep the one they hold."""
    store = open_store(file)
    told: list[Running] = []
    gone: list[Running] = []
    store.subscribe(told.append)
    store.subscribe(gone.append)()
    before = store.current
    write(file, SECOND)
    assert await store.reload() == (f"models.{TARGET}.quality: 0.7 -> 0.8",)
    assert quality(store.current) == 0.8
    assert quality(before) == 0.7
    assert told == [store.current]
    assert gone == []


async def test_the_same_content_is_no_change(file: Path) -> None:
    """A comment more or a file written again disturbs nobody."""
    store = open_store(file)
    told: list[Running] = []
    store.subscribe(told.append)
    write(file, f"# a comment\n{FIRST}")
    before = store.current
    assert await store.reload() == ()
    assert store.current is before
    assert told == []


async def test_a_bad_file_keeps_the_old_configuration_and_says_why(file: Path) -> None:
    """The mistakes can be asked for until a good file comes."""
    store = open_store(file)
    write(file, BAD)
    with pytest.raises(ConfigurationErrors, match='"gpt-4o-mini"'):
        await store.reload()
    assert quality(store.current) == 0.7
    assert [mistake.path for mistake in store.mistakes] == ["models.openai/gpt-4o-mni"]
    write(file, SECOND)
    await store.reload()
    assert store.mistakes == ()


def test_a_bad_file_is_not_begun_with(file: Path) -> None:
    """At the start there is nothing to keep: the mistakes are the caller's to show."""
    write(file, BAD)
    with pytest.raises(ConfigurationErrors):
        open_store(file)


async def test_an_import_is_taken_as_a_whole_or_not_at_all(file: Path) -> None:
    """A dry run says what would change; a mistake changes nothing; the file itself is not touched."""
    store = open_store(file)
    expected = (f"models.{TARGET}.quality: 0.7 -> 0.8",)
    assert await store.apply(imported(store, SECOND), dry_run=True) == expected
    assert quality(store.current) == 0.7
    with pytest.raises(ConfigurationErrors):
        await store.apply(imported(store, BAD))
    assert await store.apply(imported(store, SECOND)) == expected
    assert quality(store.current) == 0.8
    assert read(file) == FIRST
    assert await store.apply(imported(store, store.current.configuration.render("json"))) == ()


async def test_the_file_is_watched(file: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A saved file is in force within seconds, a bad one is logged, and watching goes on after it."""
    store = open_store(file)
    async with watching(store, file):
        with caplog.at_level(logging.INFO):
            write(file, BAD)
            await until(lambda: bool(store.mistakes))
            write(file, SECOND)
            await until(lambda: quality(store.current) == 0.8)
    assert "was not taken" in caplog.text
    assert "trunkline.yaml:2" in caplog.text
    assert "is in force: models.openai/gpt-4o-mini.quality: 0.7 -> 0.8" in caplog.text


async def test_a_file_that_is_replaced_is_noticed(file: Path) -> None:
    """Editors write beside the file and rename; Kubernetes swaps a link beside it."""
    store = open_store(file)
    async with watching(store, file):
        beside = file.with_name("trunkline.yaml.new")
        beside.write_text(SECOND)
        beside.replace(file)
        await until(lambda: quality(store.current) == 0.8)


async def test_a_mounted_file_is_noticed(tmp_path: Path) -> None:
    """The way a ConfigMap is updated: the file is a link through `..data`, which is swapped."""
    for name, text in (("..one", FIRST), ("..two", SECOND)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "trunkline.yaml").write_text(text)
    (tmp_path / "..data").symlink_to("..one")
    (tmp_path / "trunkline.yaml").symlink_to("..data/trunkline.yaml")
    store = open_store(tmp_path / "trunkline.yaml")
    async with watching(store, tmp_path / "trunkline.yaml"):
        (tmp_path / "..data_tmp").symlink_to("..two")
        (tmp_path / "..data_tmp").replace(tmp_path / "..data")
        await until(lambda: quality(store.current) == 0.8)


async def test_what_only_a_start_takes_over_is_said(file: Path) -> None:
    """The router's own address does not change under way; the message does not pretend that it does."""
    store = open_store(file)
    sections = f"router: {{listen: 127.0.0.1:1}}\nmetrics: {{listen: 127.0.0.1:2}}\naliases: {{a: [{TARGET}]}}\n"
    changes = await store.apply(imported(store, FIRST + sections))
    later = "(takes effect at the next start)"
    assert changes == (f"added router {later}", f"added metrics {later}", "added aliases")
