"""Which database a router uses: what its configuration names, else a file beside that."""

from collections.abc import Mapping
from pathlib import Path

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from service_common.configuration import RouterSection
from service_common.configuration.database import NO_DATABASE, resolve_database

_DRIVERS = {"sqlite": "sqlite", "postgresql": "postgresql+psycopg", "postgres": "postgresql+psycopg"}


def database_url(section: RouterSection, file: Path, environment: Mapping[str, str]) -> URL | None:
    """The database of the configuration in `file`; None: nothing is kept.

    Raises:
        ValueError: the address cannot be read, or a variable that it names is not set.
    """
    address = resolve_database(section.database, file, environment)
    if address == NO_DATABASE:
        return None
    if not address:
        return URL.create("sqlite", database=str(file.absolute().with_suffix(".db")))
    try:
        url = make_url(address)
    except ArgumentError:
        raise ValueError("router.database is no address: write sqlite:///FILE or postgresql://USER@HOST/NAME") from None
    url = url.set(drivername=_DRIVERS[url.get_backend_name()])
    if url.get_backend_name() == "sqlite" and url.database:
        url = url.set(database=str(file.absolute().parent / url.database))
    return url
