"""Keeps operators' changes in the database."""

import json
from collections.abc import Sequence
from itertools import dropwhile

from sqlalchemy import Connection, delete, insert, select, update

from router_service.domain.changes import Change, ChangeKind
from router_service.recording.database import Database
from router_service.recording.schema import operator_changes, revisions
from service_common.clock import Clock


class DatabaseJournal:
    """Implements `Journal`."""

    def __init__(self, database: Database, clock: Clock) -> None:
        """Keep changes in `database`."""
        self._database = database
        self._clock = clock
        self._seen = 0
        self._own: set[int] = set()

    async def append(self, changes: Sequence[Change]) -> None:
        """See `Journal.append`."""
        at = self._clock.wall().timestamp()
        self._own.update(await self._database.run(lambda connection: _write(connection, changes, at)))

    async def news(self) -> Sequence[Change]:
        """See `Journal.news`. Its own are among them where another router's came before: the order is what counts."""
        seen = self._seen
        found = await self._database.run(lambda connection: _read(connection, seen), writes=False)
        if not found:
            return ()
        self._seen = found[-1][0]
        news = [change for _, change in dropwhile(lambda each: each[0] in self._own, found)]
        self._own = {number for number in self._own if number > self._seen}
        return news


def _write(connection: Connection, changes: Sequence[Change], at: float) -> range:
    """Write changes; their numbers."""
    last: int = connection.execute(
        update(revisions).values(number=revisions.c.number + len(changes)).returning(revisions.c.number)
    ).scalar_one()
    numbers = range(last - len(changes) + 1, last + 1)
    kept = operator_changes.c
    for number, change in zip(numbers, changes, strict=True):
        connection.execute(delete(operator_changes).where(kept.kind == change.kind.value, kept.name == change.name))
        content = None if change.content is None else json.dumps(change.content)
        row = {"kind": change.kind.value, "name": change.name, "content": content}
        connection.execute(insert(operator_changes).values(**row, revision=number, changed_at=at))
    return numbers


def _read(connection: Connection, seen: int) -> list[tuple[int, Change]]:
    """The changes after number `seen`, oldest first. Kinds of a newer version mean nothing here."""
    kept = operator_changes.c
    rows = connection.execute(
        select(kept.revision, kept.kind, kept.name, kept.content).where(kept.revision > seen).order_by(kept.revision)
    )
    known = {kind.value: kind for kind in ChangeKind}
    return [
        (number, Change(known[kind], name, None if content is None else json.loads(content)))
        for number, kind, name, content in rows
        if kind in known
    ]
