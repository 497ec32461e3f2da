"""Brings the tables of an older version to this one. Apart, because Alembic takes 0.2 s to import; see `tables`."""

from pathlib import Path

from alembic.command import upgrade
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Connection

FOLDER = Path(__file__).with_name("migrations")


class UnknownSchema(Exception):
    """The tables were made by a version that this one does not know; the message says so."""


def migrate(connection: Connection) -> None:
    """Run the migrations that are missing, in the connection's transaction.

    Raises:
        UnknownSchema: a newer version made the tables.
    """
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    try:
        upgrade(config, "head")
    except CommandError as error:
        raise UnknownSchema(f"a newer version of the router made its tables ({error})") from error
