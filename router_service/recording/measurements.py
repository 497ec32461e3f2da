"""Saves what was measured now and then, and when the router ends; the next process goes on from there."""

import asyncio
import json
import logging
from collections.abc import Iterable, Mapping
from typing import Any

from msgspec import Struct
from sqlalchemy import Connection, delete, insert, select

from router_service.contracts.keeping import Measured
from router_service.domain.errors import NotKept
from router_service.recording.database import Database
from router_service.recording.schema import measurements
from service_common.clock import Clock

_LOG = logging.getLogger(__name__)

SAVE_INTERVAL = 30.0
"""Seconds between two savings: what is lost at most when a router is killed."""
FORMAT = 1
"""Grows when what is saved changes its shape; what has another is not restored."""


class _Row(Struct, frozen=True):
    kind: str
    name: str
    measured_at: float
    figures: Mapping[str, Any]


class MeasurementKeeper:
    """Keeps the figures of several sources. Of routers on one database, the newest measurement of each name stays.

    Attributes:
        unsaved: savings that failed since the start; what they held is in the next that succeeds.
    """

    def __init__(self, database: Database, sources: Mapping[str, Measured], clock: Clock) -> None:
        """Save the `sources` by kind."""
        self._database = database
        self._sources = sources
        self._clock = clock
        self.unsaved = 0

    async def restore(self) -> None:
        """Hand the sources what was saved; where that cannot be had, they begin anew."""
        try:
            rows = await self._database.run(_load, writes=False)
        except NotKept:
            return
        now = self._clock.wall().timestamp()
        for kind, source in self._sources.items():
            saved = {
                row.name: {**row.figures, "age": max(0.0, now - row.measured_at)} for row in rows if row.kind == kind
            }
            try:
                source.restore(saved)
            except (KeyError, TypeError, ValueError) as error:
                _LOG.warning("what was measured earlier (%s) cannot be read and begins anew: %r", kind, error)

    async def run(self) -> None:
        """Save every half minute, until cancelled."""
        while True:
            await asyncio.sleep(SAVE_INTERVAL)
            await self.save()

    async def save(self) -> None:
        """Save what there is; what cannot be saved now is in the next saving."""
        now = self._clock.wall().timestamp()
        rows = [
            _Row(kind, name, now - figures["age"], figures)
            for kind, source in self._sources.items()
            for name, figures in source.export().items()
        ]
        if not rows and self._database.usable:
            return  # else this is how its return is noticed
        try:
            await self._database.run(lambda connection: _save(connection, rows))
        except NotKept:
            self.unsaved += 1


def _load(connection: Connection) -> list[_Row]:
    kept = measurements.c
    rows = connection.execute(select(kept.kind, kept.name, kept.measured_at, kept.content))
    read = [(kind, name, at, json.loads(content)) for kind, name, at, content in rows]
    return [_Row(kind, name, at, content["figures"]) for kind, name, at, content in read if content["format"] == FORMAT]


def _save(connection: Connection, rows: Iterable[_Row]) -> None:
    """Write the rows that are newer than what is there."""
    kept = measurements.c
    there = {(kind, name): at for kind, name, at in connection.execute(select(kept.kind, kept.name, kept.measured_at))}
    for row in rows:
        if there.get((row.kind, row.name), row.measured_at) > row.measured_at:
            continue
        connection.execute(delete(measurements).where(kept.kind == row.kind, kept.name == row.name))
        figures = {name: value for name, value in row.figures.items() if name != "age"}
        content = json.dumps({"format": FORMAT, "figures": figures})
        values = {"kind": row.kind, "name": row.name, "measured_at": row.measured_at, "content": content}
        connection.execute(insert(measurements).values(**values))
