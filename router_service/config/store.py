"""Holds the configuration that is in force, and takes a new one only where it has no mistake.

It is the file with operators' changes over it. An operator's change is checked with all the others; where the file
changes under changes that were fine before, those that do not fit any more are left out, and the log says so.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Sequence
from pathlib import Path

from msgspec.structs import replace
from watchfiles import Change as FileChange
from watchfiles import awatch

from router_service.config.differences import describe_changes
from router_service.config.overlay import Overlay
from router_service.config.running import Running, Sources, prepare
from router_service.domain.changes import Change
from service_common.configuration import ConfigurationErrors, Mistake, read_text

_LOG = logging.getLogger(__name__)
_DEBOUNCE_MS = 200
_STEP_MS = 50
_MOUNTED = "..data"
"""What changes where Kubernetes mounts a file: a link beside it, not the file."""


Listener = Callable[[Running], None]


class ConfigurationStore:
    """The running configuration. Calls keep the one that they began with; new calls read `current`.

    Attributes:
        failed_reloads: times since the start that the file could not be taken.
    """

    def __init__(self, sources: Sources) -> None:
        """Read the file.

        Raises:
            ConfigurationErrors: it cannot be used.
        """
        self._sources = sources
        self._listeners: list[Listener] = []
        self._lock = asyncio.Lock()
        self._mistakes: tuple[Mistake, ...] = ()
        self.failed_reloads = 0
        self._overlay = Overlay()
        self._fitting = self._overlay
        self._file = read_text(sources.path)
        self._running = self._parse(self._file, self._overlay)
        self._tell_doubts(())

    @property
    def current(self) -> Running:
        """What is in force."""
        return self._running

    @property
    def mistakes(self) -> tuple[Mistake, ...]:
        """Why the file as it is now was not taken; empty where it was."""
        return self._mistakes

    @property
    def file(self) -> str:
        """The text of the file as it was last taken."""
        return self._file

    @property
    def overlay(self) -> Overlay:
        """What operators changed over it."""
        return self._fitting

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Have `listener` told of each new configuration, in the event loop; the result ends that.

        A listener only takes over what it is given: all that can fail was built before. Calls in progress are not its
        concern.
        """
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    async def reload(
        self, changes: Sequence[Change] = (), keep: Callable[[], Awaitable[None]] | None = None
    ) -> tuple[str, ...]:
        """Read the file again and take it, with what operators changed; what is different now, for a person.

        `changes`: further ones, taken together with the file; `keep`: see `apply`.

        Raises:
            ConfigurationErrors: the file has mistakes; what was in force stays.
        """
        async with self._lock:
            overlay = self._overlay.after(changes)
            try:
                file, (running, fitting) = await asyncio.to_thread(self._read, overlay)
            except ConfigurationErrors as error:
                self._mistakes = error.mistakes
                self.failed_reloads += 1
                raise
            if keep is not None:
                await keep()
            self._mistakes = ()
            self._file, self._overlay, self._fitting = file, overlay, fitting
            return self._take(running)

    async def apply(
        self,
        changes: Sequence[Change],
        *,
        dry_run: bool = False,
        keep: Callable[[], Awaitable[None]] | None = None,
    ) -> tuple[str, ...]:
        """Check an operator's changes and take them all; what is different now, for a person.

        `keep`, where it is given, is awaited between: if it fails, nothing is taken.

        Raises:
            ConfigurationErrors: the result has mistakes; what was in force stays.
        """
        async with self._lock:
            fitting = self._fitting.after(changes)
            running = await asyncio.to_thread(self._parse, self._file, fitting)
            if dry_run:
                return describe_changes(self._running.configuration, running.configuration)
            if keep is not None:
                await keep()
            self._overlay = self._overlay.after(changes)
            self._fitting = fitting
            return self._take(running)

    async def follow(self, changes: Sequence[Change]) -> tuple[str, ...]:
        """Take what was kept earlier or elsewhere, as far as it fits this router's file; what is different now.

        Raises:
            ConfigurationErrors: never but for what the environment lacks since the file was read.
        """
        async with self._lock:
            overlay = self._overlay.after(changes)
            running, fitting = await asyncio.to_thread(self._compose, self._file, overlay)
            self._overlay, self._fitting = overlay, fitting
            return self._take(running)

    async def watch(self) -> None:
        """Reload when the file or the `.env` beside it changes, until cancelled; a bad file is logged, not taken."""
        path = self._sources.path
        names = {path.name, ".env", _MOUNTED}

        def concerns(_: FileChange, changed: str) -> bool:
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
            # The cause, where there is one, is a plugin's own mistake, which its author wants to see.
            said = "the configuration was not taken; version %s stays:\n%s"
            _LOG.warning(said, self._running.catalogue.version, error, exc_info=error.__cause__)
            return
        if changes:
            version = self._running.catalogue.version
            _LOG.info("configuration %s is in force: %s", version, "; ".join(changes))

    def _take(self, running: Running) -> tuple[str, ...]:
        changes = describe_changes(self._running.configuration, running.configuration)
        if running.catalogue.version == self._running.catalogue.version:
            return changes
        told, self._running = self._running.doubts, running
        self._tell_doubts(told)
        for listener in tuple(self._listeners):
            listener(running)
        return changes

    def _tell_doubts(self, told: Collection[Mistake]) -> None:
        """Log what surprises in what is in force, once."""
        known = {(doubt.path, doubt.message) for doubt in told}
        for doubt in self._running.doubts:
            if (doubt.path, doubt.message) not in known:
                _LOG.warning("%s", doubt)

    def _read(self, overlay: Overlay) -> tuple[str, tuple[Running, Overlay]]:
        file = read_text(self._sources.path)
        return file, self._compose(file, overlay)

    def _compose(self, file: str, overlay: Overlay) -> tuple[Running, Overlay]:
        """The file under as much of the overlay as fits it."""
        try:
            return self._parse(file, overlay), overlay
        except ConfigurationErrors:
            if overlay == Overlay():
                raise
        fitting = Overlay()
        running = self._parse(file, fitting)
        if overlay.imported is not None:
            fitting, running = self._try("the import", file, Overlay(overlay.imported), (fitting, running))
        for name, edit in overlay.models.items():
            candidate = replace(fitting, models={**fitting.models, name: edit})
            fitting, running = self._try(f"the change of {name}", file, candidate, (fitting, running))
        return running, fitting

    def _try(self, name: str, file: str, wider: Overlay, so_far: tuple[Overlay, Running]) -> tuple[Overlay, Running]:
        try:
            return wider, self._parse(file, wider)
        except ConfigurationErrors as error:
            _LOG.warning("%s does not fit the configuration file any more and is left out:\n%s", name, error)
            return so_far

    def _parse(self, file: str, overlay: Overlay) -> Running:
        # What was imported came through the network, from somebody who need not be one who may read the environment.
        return prepare(overlay.text(file), self._sources, overlay.edit, trusted=not overlay.replaces(file))
