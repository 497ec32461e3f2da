"""Sees to it that a database has the tables of this version, whatever it has so far."""

from sqlalchemy import Column, Connection, MetaData, PrimaryKeyConstraint, String, Table, insert, inspect, select, text

from router_service.recording.schema import HEAD, VERSION_TABLE, metadata, revisions

LOCK = 7_265_811_004
"""Of PostgreSQL's advisory locks: routers that start together make or migrate the tables one after the other."""

_version = Table(
    VERSION_TABLE,
    MetaData(),  # Alembic's own table, which is no part of the schema
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name=f"{VERSION_TABLE}_pkc"),
)


class SchemaError(Exception):
    """The tables are not this version's, and could not be made so; the message says why."""


def make_tables(connection: Connection) -> None:
    """Make the tables where there are none, and migrate older ones, in the connection's transaction.

    Raises:
        SchemaError: a newer version made the tables.
    """
    if _found(connection) == HEAD:
        return
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
    found = _found(connection)  # again: while this one waited, another router may have made them
    if found == HEAD:
        return
    if found is None:
        create_tables(connection)
        return
    # Alembic takes 0.2 s to import, which only a router that has tables to migrate pays.
    from router_service.recording.migrating import UnknownSchema, migrate  # noqa: PLC0415

    try:
        migrate(connection)
    except UnknownSchema as error:
        raise SchemaError(str(error)) from error


def create_tables(connection: Connection) -> None:
    """Make what all migrations together would make, and say so to Alembic."""
    metadata.create_all(connection, checkfirst=False)
    connection.execute(insert(revisions), {"id": 1, "number": 0})
    _version.create(connection)
    connection.execute(insert(_version), {"version_num": HEAD})


def _found(connection: Connection) -> str | None:
    """The version of the tables that are there; empty: Alembic has taken all back; None: there never were any."""
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    return connection.execute(select(_version.c.version_num)).scalar() or ""
