"""Simulated providers, and a database of each kind."""

from pathlib import Path

import pytest

from tests.component.router.conftest import simulated, start

__all__ = ["simulated", "start"]


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/kept.db"
    address: str = request.getfixturevalue("postgres").new_database()
    return address
