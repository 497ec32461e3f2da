"""What operators do to a running router: switch targets, change models, replace the configuration.

Each operation becomes changes: checked, kept where that was asked for, then in force, in this order, so that nothing
half done is left. Calls in progress keep what they began with; each of their next hops is checked against the table.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Literal

from router_service.config.overlay import DISCARD, MODELS, import_change, removal
from router_service.config.store import ConfigurationStore
from router_service.contracts.keeping import Journal
from router_service.contracts.state import Switchboard
from router_service.domain.changes import Change, ChangeKind, switch_change, switch_in
from router_service.domain.errors import InvalidRequest, NotFound, NotKept, Violation
from router_service.domain.switches import Switch, Switches, switched
from service_common.configuration import ConfigurationErrors, Mistake
from service_common.vocabulary import TargetState

_LOG = logging.getLogger(__name__)

FOLLOW_INTERVAL = 1.0
"""Seconds between two looks at what other routers' operators changed."""
MOST_MISTAKES = 12
"""A status carries no more; see `router_service.server.statuses`."""


class Administration:
    """Operators' commands. One at a time: each begins with what the one before it left."""

    def __init__(self, store: ConfigurationStore, table: Switchboard, journal: Journal | None) -> None:
        """Change `store` and `table`; `journal`: None: this router keeps nothing."""
        self._store = store
        self._table = table
        self._journal = journal
        self._lock = asyncio.Lock()
        # Held while the journal is read or written: a database that hangs holds up no change that is not to be kept.
        self._journal_lock = asyncio.Lock()

    @property
    def version(self) -> str:
        """Of the configuration that is in force."""
        return self._store.current.catalogue.version

    async def switch(self, name: str, switch: Switch, *, persist: bool) -> tuple[str, ...]:
        """Switch a target, or a backend with all its targets, also those that appear later; the targets.

        Raises:
            NotFound: there is no such target or backend.
            NotKept: it was to be kept and could not be; nothing is changed.
        """
        names = self._table.targets_named(name)
        if persist:
            async with self._journal_lock:
                await self._keep((switch_change(name, switch),))
                self._table.apply_switches(switched(self._table.switches, name, switch))
        else:
            self._table.apply_switches(switched(self._table.switches, name, switch))
        if switch.state is TargetState.READY:
            self._table.bring_back((name,))
        return names

    async def upsert_model(self, target: str, settings: Mapping[str, Any], *, persist: bool) -> tuple[str, ...]:
        """Add a model, or change these settings of it; None takes one away. What is different now.

        Raises:
            InvalidRequest: the result has mistakes; nothing is changed.
            NotKept: it was to be kept and could not be; nothing is changed.
        """
        async with self._turn(persist):
            return await self._apply((self._store.overlay.upsert(target, settings),), persist=persist, edited=target)

    async def remove_model(self, target: str, *, persist: bool) -> tuple[str, ...]:
        """Remove a model; its attempts in flight end as they will. What is different now.

        Raises:
            NotFound: the configuration has no such model.
            InvalidRequest: something else refers to it; nothing is changed.
            NotKept: it was to be kept and could not be; nothing is changed.
        """
        async with self._turn(persist):
            models = self._store.current.configuration.models
            if target not in models:
                advice = f"What a worker discovered can be switched off: `trunkline target disable {target}`."
                raise NotFound.among("configured model", target, models, advice)
            return await self._apply((removal(target),), persist=persist, removed=target)

    async def import_configuration(self, text: str, *, dry_run: bool, persist: bool) -> tuple[str, ...]:
        """Put a configuration, YAML or JSON, in the place of the file until that changes. What is different now.

        Raises:
            InvalidRequest: it has mistakes; nothing is changed.
            NotKept: it was to be kept and could not be; nothing is changed.
        """
        async with self._turn(persist):
            return await self._apply((import_change(text, self._store.file),), persist=persist, dry_run=dry_run)

    async def reload(self, *, discard: bool) -> tuple[str, ...]:
        """Read the file again; `discard`: alone, without what operators changed. What is different now.

        Raises:
            InvalidRequest: the file has mistakes; nothing is changed.
            NotKept: the changes were to be discarded and could not be; nothing is changed.
        """
        persist = discard and self._journal is not None
        async with self._turn(persist):
            changes = (DISCARD,) if discard else ()
            keep = (lambda: self._keep(changes)) if persist else None
            try:
                return await self._store.reload(changes, keep)
            except ConfigurationErrors as error:
                raise _refused(error) from error

    def render(self, form: Literal["yaml", "json"]) -> str:
        """The configuration that is in force; secrets are references."""
        return self._store.current.configuration.render(form)

    async def run(self) -> None:
        """Follow what is kept by the operators of other routers, until cancelled."""
        while True:
            await asyncio.sleep(FOLLOW_INTERVAL)
            await self.catch_up()

    async def catch_up(self) -> None:
        """Take what was kept earlier or elsewhere. What cannot be read now is read later: the journal says so."""
        if self._journal is None:
            return
        async with self._journal_lock:
            try:
                changes = await self._journal.news()
            except NotKept:
                return
            if not changes:
                return
            async with self._lock:
                self._table.apply_switches(_after(self._table.switches, changes))
                self._table.bring_back([change.name for change in changes if _switches_on(change)])
                await self._follow([change for change in changes if change.kind is not ChangeKind.SWITCH])

    @asynccontextmanager
    async def _turn(self, persist: bool) -> AsyncIterator[None]:
        async with AsyncExitStack() as locks:
            if persist:
                await locks.enter_async_context(self._journal_lock)
            await locks.enter_async_context(self._lock)
            yield

    async def _follow(self, changes: Sequence[Change]) -> None:
        if not changes:
            return
        try:
            different = await self._store.follow(changes)
        except ConfigurationErrors as error:
            _LOG.warning("operators' changes were not taken; version %s stays:\n%s", self.version, error)
            return
        if different:
            _LOG.info("configuration %s is in force by operators: %s", self.version, "; ".join(different))

    async def _apply(
        self, changes: Sequence[Change], *, persist: bool, dry_run: bool = False, edited: str = "", removed: str = ""
    ) -> tuple[str, ...]:
        keep: Callable[[], Awaitable[None]] | None = (lambda: self._keep(changes)) if persist else None
        try:
            return await self._store.apply(changes, dry_run=dry_run, keep=keep)
        except ConfigurationErrors as error:
            raise (_still_named(error, removed) if removed else _refused(error, edited)) from error

    async def _keep(self, changes: Sequence[Change]) -> None:
        if self._journal is None:
            advice = "this router keeps nothing, as router.database is none. Leave persist away, or name a database"
            raise InvalidRequest((Violation("persist", advice),))
        await self._journal.append(changes)


def _after(switches: Switches, changes: Sequence[Change]) -> Switches:
    for change in changes:
        if change.kind is ChangeKind.SWITCH:
            switches = switched(switches, change.name, switch_in(change))
    return switches


def _switches_on(change: Change) -> bool:
    return change.kind is ChangeKind.SWITCH and switch_in(change).state is TargetState.READY


def _refused(error: ConfigurationErrors, edited: str = "") -> InvalidRequest:
    """Every mistake as a violation; as many as a status holds. `edited`: a model that does not stand in any text."""
    shown = error.mistakes if len(error.mistakes) <= MOST_MISTAKES else error.mistakes[: MOST_MISTAKES - 1]
    violations = [_violation(mistake, edited) for mistake in shown]
    if left := len(error.mistakes) - len(shown):
        violations.append(Violation("", f"and {left} more mistakes, which are shown once these are corrected"))
    return InvalidRequest(tuple(violations))


def _still_named(error: ConfigurationErrors, removed: str) -> InvalidRequest:
    """Every place that a model's removal would leave without it, and how to go on: what was in force had no mistake."""
    places = [mistake.path for mistake in error.mistakes]
    shown = places[: MOST_MISTAKES - 1]
    left = f" It is named in {len(places) - len(shown)} more places." if len(shown) < len(places) else ""
    advice = (
        "take it out there first, in the router's file or with `trunkline config export` and `trunkline config import`;"
        f" or keep it and have nothing sent to it: `trunkline target disable {removed}`.{left}"
    )
    uses = [Violation(path, f"{_user(path)} still uses {removed}") for path in shown]
    return InvalidRequest((*uses, Violation("", advice)))


def _user(path: str) -> str:
    """Who stands at `aliases.fast[1]`, in words; the path beside it tells the rest."""
    section, _, name = path.partition(".")
    return f'the alias "{name.partition("[")[0]}"' if section == "aliases" else "this"


def _violation(mistake: Mistake, edited: str) -> Violation:
    written = mistake.line and not (edited and mistake.path.startswith(f"{MODELS}.{edited}"))
    place = f"line {mistake.line}: " if written else ""
    return Violation(mistake.path, f"{place}{mistake.message} {mistake.suggestion}".rstrip())
