"""The address of the router's database, as the file writes it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator

from service_common.configuration.references import has_reference, refuse_password, resolve

NO_DATABASE = "none"
_SCHEMES = ("sqlite:///", "postgresql://", "postgres://")


def _check(value: str) -> str:
    refuse_password(value)
    if value not in ("", NO_DATABASE) and not value.startswith(_SCHEMES) and not has_reference(value):
        raise ValueError(f'"{value}" is no database: write sqlite:///FILE, postgresql://USER@HOST/NAME, or none')
    return value


DatabaseAddress = Annotated[str, AfterValidator(_check)]
"""`sqlite:///FILE`, `postgresql://...`, `none`, or nothing; with references, above all for the password."""


def resolve_database(address: str, file: Path, environment: Mapping[str, str]) -> str:
    """The address with its references resolved from the environment and the `.env` beside `file`.

    Raises:
        ValueError: some are not set, or the result is no address.
    """
    address = resolve("router.database", address, file, environment)
    if address not in ("", NO_DATABASE) and not address.startswith(_SCHEMES):
        raise ValueError("router.database is no address: write sqlite:///FILE or postgresql://USER@HOST/NAME")
    return address
