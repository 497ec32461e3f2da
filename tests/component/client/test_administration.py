"""`client.admin`, sync and async, against a real router."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from provider_workers.simulated import ProviderSpec, SimulatedProviders
from tests.support.configurations import FIRST, configuration, write_configuration
from tests.support.router_harness import running_router
from trunkline import AsyncClient, Client, InvalidRequest, NotFound


@pytest.fixture
async def address(tmp_path: Path) -> AsyncIterator[str]:
    """A router with one target."""
    async with SimulatedProviders([ProviderSpec(FIRST.backend, models=(FIRST.model,))], seed=1) as simulated:
        config = write_configuration(tmp_path, configuration((FIRST,), simulated))
        async with running_router(config) as (router, _):
            yield router.address


async def test_every_command_of_the_async_client(address: str) -> None:
    """What each gives back, and how it fails."""
    async with AsyncClient(address) as client:
        admin = client.admin
        assert [row.state for row in await admin.disable(FIRST.name, reason="x")] == ["disabled"]
        assert [row.state for row in await admin.drain(FIRST.backend)] == ["draining"]
        assert [row.state for row in await admin.enable(FIRST.name)] == ["ready"]
        await client.complete("Say hello.")
        [found] = await admin.statistics(FIRST.name)
        assert (found.attempts, found.successes, found.reported_quality) == (1, 1, None)
        assert found.latency.p50 is not None
        version = await admin.upsert_model("openai/gpt-4o-mini", {"quality": 0.5})
        assert await admin.remove_model("openai/gpt-4o-mini") != version
        text = await admin.export_configuration("json")
        change = await admin.import_configuration(text.replace("0.9", "0.8"), dry_run=True)
        assert change.changes == (f"models.{FIRST.name}.quality: 0.9 -> 0.8",)
        assert (await admin.reload_configuration(discard_changes=True)).changes == ()
        with pytest.raises(InvalidRequest) as refusal:
            await admin.import_configuration("backends: {}")
        assert "backends" in {violation.field for violation in refusal.value.violations}
        with pytest.raises(NotFound, match=FIRST.name):
            await admin.remove_model("openai/gpt4o")


async def test_the_sync_client_does_the_same(address: str) -> None:
    """The same names and values, without asyncio; what cannot be written is refused before any call."""

    def use() -> None:
        with Client(address) as client:
            assert [row.state for row in client.admin.disable(FIRST.name)] == ["disabled"]
            assert [row.state for row in client.admin.drain(FIRST.name)] == ["draining"]
            assert [row.state for row in client.admin.enable(FIRST.name)] == ["ready"]
            assert [each.target for each in client.admin.statistics()] == [FIRST.name]
            client.admin.upsert_model(FIRST.name, {"quality": 0.5})
            text = client.admin.export_configuration()
            assert "quality: 0.5" in text
            assert client.admin.import_configuration(text).changes == ()
            assert client.admin.reload_configuration(discard_changes=True).changes
            with pytest.raises(InvalidRequest, match="JSON"):
                client.admin.upsert_model(FIRST.name, {"quality": object()})
            with pytest.raises(NotFound):
                client.admin.remove_model("a/b")

    await asyncio.to_thread(use)
