"""Holds the configuration that is in force, and takes a new one only where it has no mistake."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from watchfiles import Change, awatch

from router_service.config.catalogue import build_catalogue
from router_service.config.changes import describe_changes
from router_service.contracts.engine import Catalogue
from service_common.clock import Clock
from service_common.configuration import (
    Configuration,
    ConfigurationErrors,
    Knowledge,
    Mistake,
    PluginNames,
    load_configuration,
    parse_configuration,
)
from service_common.facts import FactsTable

_LOG = logging.getLogger(__name__)
_DEBOUNCE_MS = 200
_STEP_MS = 50
_MOUNTED = "..data"
"""What changes where Kubernetes mounts a file: a link beside it, not the file."""


@dataclass(frozen=True, slots=True)
class Running:
    """One configuration and what was made of it."""

    configuration: Configuration
    catalogue: Catalogue


@dataclass(frozen=True, slots=True)
class Sources:
    """What a configuration is read from and checked against."""

    path: Path
    environment: Mapping[str, str]
    plugins: PluginNames
    facts: FactsTable
    clock: Clock


Listener = Callable[[Running], None]


class ConfigurationStore:
    """The running configuration. Calls keep the one that they began with; new calls read `current`."""

    def __init__(self, sources: Sources) -> None:
        """Read the file.

        Raises:
            ConfigurationErrors: it cannot be used.
        """
        self._sources = sources
        self._listeners: list[Listener] = []
        self._lock = asyncio.Lock()
        self._mistakes: tuple[Mistake, ...] = ()
        self._running = self._read()

    @property
    def current(self) -> Running:
        """What is in force."""
        return self._running

    @property
    def mistakes(self) -> tuple[Mistake, ...]:
        """Why the file as it is now was not taken; empty where it was."""
        return self._mistakes

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Have `listener` told of each new configuration, in the event loop; the result ends that.

        A listener prepares what it needs and takes it over at once: calls in progress are not its concern.
        """
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    async def reload(self) -> tuple[str, ...]:
        """Read the file again and take it; what changed, for a person.

        Raises:
            ConfigurationErrors: the file has mistakes; what was in force stays.
        """
        async with self._lock:
            try:
                running = await asyncio.to_thread(self._read)
            except ConfigurationErrors as error:
                self._mistakes = error.mistakes
                raise
            self._mistakes = ()
            return self._take(running)

    async def apply(self, text: str, *, dry_run: bool = False) -> tuple[str, ...]:
        """Check a whole configuration, YAML or JSON, and take it until the file changes; what changes, for a person.

        Raises:
            ConfigurationErrors: it has mistakes; what was in force stays.
        """
        async with self._lock:
            running = await asyncio.to_thread(self._parse, text)
            if dry_run:
                return describe_changes(self._running.configuration, running.configuration)
            return self._take(running)

    async def watch(self) -> None:
        """Reload when the file or the `.env` beside it changes, until cancelled; a bad file is logged, not taken."""
        path = self._sources.path
        names = {path.name, ".env", _MOUNTED}

        def concerns(_: Change, changed: str) -> bool:
            return Path(changed).name in names

        # The directory is watched, as editors and Kubernetes put another file in the place of the one that was there.
        watched = awatch(
            path.absolute().parent, watch_filter=concerns, debounce=_DEBOUNCE_MS, step=_STEP_MS, recursive=False
        )
        async for _ in watched:
            await self._reload_and_log()

    async def _reload_and_log(self) -> None:
        try:
            changes = await self.reload()
        except ConfigurationErrors as error:
            _LOG.warning(
                "the configuration was not taken; version %s stays:\n%s", self._running.catalogue.version, error
            )
            return
        if changes:
            version = self._running.catalogue.version
            _LOG.info("configuration %s is in force: %s", version, "; ".join(changes))

    def _take(self, running: Running) -> tuple[str, ...]:
        changes = describe_changes(self._running.configuration, running.configuration)
        if running.catalogue.version == self._running.catalogue.version:
            return changes
        self._running = running
        for listener in tuple(self._listeners):
            listener(running)
        return changes

    def _read(self) -> Running:
        sources = self._sources
        today = sources.clock.wall().date()
        return self._build(load_configuration(sources.path, sources.environment, sources.plugins, sources.facts, today))

    def _parse(self, text: str) -> Running:
        sources = self._sources
        knowledge = Knowledge(sources.plugins, sources.facts, sources.clock.wall().date())
        return self._build(parse_configuration(text, sources.path, sources.environment, knowledge))

    def _build(self, configuration: Configuration) -> Running:
        return Running(configuration, build_catalogue(configuration, self._sources.facts))
