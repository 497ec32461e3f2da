"""A client, and the router that plays a test's script to it."""

from collections.abc import AsyncIterator

import pytest

from tests.support.scripted_router import Script, ScriptedRouter
from trunkline import AsyncClient


@pytest.fixture
async def router() -> AsyncIterator[ScriptedRouter]:
    """A router that plays the test's script."""
    async with ScriptedRouter(Script()) as running:
        yield running


@pytest.fixture
async def client(router: ScriptedRouter) -> AsyncIterator[AsyncClient]:
    """A client of that router."""
    async with AsyncClient(router.address, timeout=5.0) as opened:
        yield opened
