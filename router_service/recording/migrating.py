"""Brings a database's tables to this version. Apart, because Alembic takes 0.2 s to import and is rarely needed."""

from pathlib import Path

from alembic.command import upgrade
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Connection, text

FOLDER = Path(__file__).with_name("migrations")
LOCK = 7_265_811_004
"""Of PostgreSQL's advisory locks: routers that start together migrate one after the other."""


class UnknownSchema(Exception):
    """The tables were made by a version that this one does not know; the message says so."""


def migrate(connection: Connection) -> None:
    """Run the migrations that are missing, in the connection's transaction.

    Raises:
        UnknownSchema: a newer version made the tables.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    try:
        upgrade(config, "head")
    except CommandError as error:
        raise UnknownSchema(f"a newer version of the router made its tables ({error})") from error
