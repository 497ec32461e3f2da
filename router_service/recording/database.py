"""The router's database: one thread that runs transactions, one after the other, off the event loop.

SQLite or PostgreSQL. A database that is lost, locked or slow never holds up routing: every transaction has a deadline,
its loss and its return are one log line each, and what could not be written is the caller's to keep or to refuse.
"""

import asyncio
import logging
import os
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, TypeVar

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.exc import SQLAlchemyError

from router_service.domain.errors import NotKept
from router_service.recording.tables import SchemaError, make_tables

_LOG = logging.getLogger(__name__)

ResultT = TypeVar("ResultT")

WAIT_FOR_SERVER = 2
"""Seconds for connecting, for a lock and for a statement."""
TRANSACTION_TIMEOUT = 5.0
"""Seconds for a whole transaction; then its connection is cut."""


class Database:
    """Runs work in transactions.

    Attributes:
        failures: transactions that were not done, since the start.
    """

    def __init__(self, url: URL) -> None:
        """Connect when there is work."""
        self._name = url.render_as_string(hide_password=True)
        self._engine = _engine(url)
        self._thread = ThreadPoolExecutor(1, "trunkline-database")
        self._at_work: Connection | None = None
        self._migrated = False
        self._lost = False
        self._cannot_write = False
        self.failures = 0

    @property
    def usable(self) -> bool:
        """Whether transactions are done, writing ones included; also before the first."""
        return not self._lost

    async def run(self, work: Callable[[Connection], ResultT], *, writes: bool = True) -> ResultT:
        """Have `work` done in the database's thread, inside one transaction; its result.

        `writes`: whether it does: a full disk can be read, which does not mean that the database is back.

        Raises:
            NotKept: the database did not do it; nothing of it remains.
        """
        job = asyncio.get_running_loop().run_in_executor(self._thread, self._transact, work)
        try:
            async with asyncio.timeout(TRANSACTION_TIMEOUT):
                result = await asyncio.shield(job)
        except TimeoutError:
            self._cut()
            job.add_done_callback(_forget)
            self._cannot_write |= writes
            raise self._failed(f"it did not answer within {TRANSACTION_TIMEOUT:g} s") from None
        except asyncio.CancelledError:
            job.add_done_callback(_forget)
            raise
        except (SQLAlchemyError, OSError, SchemaError) as error:
            self._cannot_write |= writes
            raise self._failed(_first_line(error)) from error
        if self._lost and (writes or not self._cannot_write):
            self._lost = self._cannot_write = False
            _LOG.info("the database %s is back", self._name)
        return result

    async def close(self) -> None:
        """Let go of the database; a transaction that still runs is cut off after its time."""
        closing = asyncio.get_running_loop().run_in_executor(self._thread, self._engine.dispose)
        try:
            async with asyncio.timeout(TRANSACTION_TIMEOUT):
                await asyncio.shield(closing)
        except TimeoutError:
            self._cut()
        finally:
            self._thread.shutdown(wait=False, cancel_futures=True)

    def _transact(self, work: Callable[[Connection], ResultT]) -> ResultT:
        try:
            with self._engine.begin() as connection:
                self._at_work = connection
                if not self._migrated:
                    make_tables(connection)
                result = work(connection)
            self._migrated = True
            return result
        finally:
            self._at_work = None

    def _cut(self) -> None:
        """End the transaction that hangs: a server that is stopped keeps its connection open for ever."""
        connection = self._at_work
        driver = None if connection is None else connection.connection.driver_connection
        wire = getattr(driver, "pgconn", None)
        if wire is not None:
            with suppress(OSError), socket.socket(fileno=os.dup(wire.socket)) as hanging:
                hanging.shutdown(socket.SHUT_RDWR)

    def _failed(self, reason: str) -> NotKept:
        self.failures += 1
        if not self._lost:
            self._lost = True
            _LOG.warning(
                "the database %s cannot be used: %s; routing goes on, nothing is kept until it is back",
                self._name,
                reason,
            )
        return NotKept(
            f"the database {self._name} cannot be used ({reason}); nothing was changed. "
            "Try again, or make the change without persist: it holds until this router ends"
        )


def _engine(url: URL) -> Engine:
    if url.get_backend_name() == "sqlite":
        engine = create_engine(url, connect_args={"timeout": WAIT_FOR_SERVER})
        event.listen(engine, "connect", _set_up_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    options = f"-c statement_timeout={WAIT_FOR_SERVER}s -c lock_timeout={WAIT_FOR_SERVER}s"
    arguments = {"connect_timeout": WAIT_FOR_SERVER, "application_name": "trunkline", "options": options}
    return create_engine(url, pool_size=1, max_overflow=0, pool_pre_ping=True, connect_args=arguments)


def _set_up_sqlite(connection: Any, _: Any) -> None:
    """Leave transactions to `_begin_sqlite`, since the driver's own do not cover what makes tables."""
    connection.isolation_level = None
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")


def _begin_sqlite(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _first_line(error: Exception) -> str:
    """What the driver says, without the statement."""
    return str(getattr(error, "orig", None) or error).strip().partition("\n")[0]


def _forget(job: "asyncio.Future[Any]") -> None:
    """Take note of how it ended, since nobody else will: its caller has left."""
    if not job.cancelled():
        job.exception()
