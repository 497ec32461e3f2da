"""The migrations make the tables that the code reads and writes."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.command import downgrade
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, text

from router_service.recording.address import database_url
from router_service.recording.migrating import FOLDER, migrate
from router_service.recording.schema import HEAD, VERSION_TABLE, metadata
from router_service.recording.tables import SchemaError, create_tables, make_tables
from service_common.configuration import RouterSection


def test_the_newest_migration_is_the_head() -> None:
    """A router whose database has it does not look for more."""
    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    assert ScriptDirectory.from_config(config).get_current_head() == HEAD


def test_the_migrations_make_what_the_schema_says() -> None:
    """Column by column; running them again changes nothing."""
    engine = create_engine("sqlite://")
    with engine.begin() as connection:
        migrate(connection)
        migrate(connection)
        context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE, "compare_type": True})
        assert compare_metadata(context, metadata) == []
    engine.dispose()


def test_new_tables_are_those_of_the_migrations() -> None:
    """A database that has none gets them without Alembic: the same tables with the same rows, at the same version."""
    assert _made_by(create_tables) == _made_by(migrate)


def test_older_tables_are_migrated() -> None:
    """Only tables that are not there are made anew: those of another version are Alembic's, which does not know it."""
    engine = create_engine("sqlite://")
    with engine.begin() as connection:
        make_tables(connection)
        make_tables(connection)
        connection.execute(text(f"UPDATE {VERSION_TABLE} SET version_num = '9999'"))
        with pytest.raises(SchemaError, match="a newer version"):
            make_tables(connection)
    engine.dispose()


def test_tables_that_were_taken_back_are_made_again() -> None:
    """A downgrade to the base leaves Alembic's own table, which is empty then."""
    engine = create_engine("sqlite://")
    with engine.begin() as connection:
        make_tables(connection)
        config = Config(attributes={"connection": connection})
        config.set_main_option("script_location", str(FOLDER))
        downgrade(config, "base")
        make_tables(connection)
        assert connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar() == HEAD
    engine.dispose()


def _made_by(make: Callable[[Connection], None]) -> tuple[dict[str, str], dict[str, list[Any]]]:
    """Each table's statement, and each one's rows."""
    engine = create_engine("sqlite://")
    with engine.begin() as connection:
        make(connection)
        found = connection.execute(text("SELECT name, sql FROM sqlite_master WHERE type = 'table'"))
        tables = {name: " ".join(statement.split()) for name, statement in found}
        rows = {name: [tuple(row) for row in connection.execute(text(f"SELECT * FROM {name}"))] for name in tables}
    engine.dispose()
    return tables, rows


ADDRESSES = {
    "nothing said": ("", "sqlite:////etc/trunkline/router.db"),
    "beside the file": ("sqlite:///kept/state.db", "sqlite:////etc/trunkline/kept/state.db"),
    "anywhere": ("sqlite:////var/lib/state.db", "sqlite:////var/lib/state.db"),
    "a server": ("postgresql://me:${PW}@db/x", "postgresql+psycopg://me:s3@db/x"),
    "its short name": ("postgres://db/x", "postgresql+psycopg://db/x"),
    "nothing kept": ("none", None),
}


@pytest.mark.parametrize("row", ADDRESSES.values(), ids=ADDRESSES.keys())
def test_the_database_is_found(row: tuple[str, str | None]) -> None:
    """A relative file lies beside the configuration; the password comes out of the environment."""
    written, expected = row
    url = database_url(RouterSection(database=written), Path("/etc/trunkline/router.yaml"), {"PW": "s3"})
    assert (None if url is None else url.render_as_string(hide_password=False)) == expected


@pytest.mark.parametrize("written", ["mysql://db/x", "kept.db", "postgresql://me:secret@db/x"])
def test_what_is_no_database_is_refused(written: str) -> None:
    """Also a password that is written out; no message repeats it."""
    with pytest.raises(ValueError, match="database") as refusal:
        RouterSection(database=written)
    assert "secret" not in str(refusal.value)


def test_a_variable_that_is_not_set_is_named() -> None:
    """With the setting that needs it."""
    with pytest.raises(ValueError, match=r"router\.database needs PW"):
        database_url(RouterSection(database="postgresql://me:${PW}@db/x"), Path("/etc/trunkline.yaml"), {})
