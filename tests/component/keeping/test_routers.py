"""What operators change and what was measured outlives a router, and several routers on one database agree."""

import asyncio
import json
import logging
import sqlite3
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing
from pathlib import Path
from typing import Any

import grpc
import pytest

from provider_workers.simulated import Behaviour, Fault, SimulatedProviders
from router_service.config.administration import FOLLOW_INTERVAL
from router_service.recording.database import TRANSACTION_TIMEOUT
from tests.support.caller import Caller, ask, failure_of
from tests.support.configurations import FIRST, SECOND, THIRD, configuration, write_configuration
from tests.support.postgres import Postgres
from tests.support.router_harness import RunningRouter, running_router
from trunkline.admin.v1 import admin_service_pb2 as admin
from trunkline.types.v1 import target_pb2 as target

FOLLOW_BOUND = 2.0
"""Seconds in which every router on a database follows."""
TIMEOUT = 10.0

Kept = Callable[..., AbstractAsyncContextManager[tuple[RunningRouter, Caller]]]


@pytest.fixture
def kept(simulated: SimulatedProviders, tmp_path: Path, database: str) -> Kept:
    """Starts routers over the same three targets and the same database."""
    config = write_configuration(tmp_path, configuration((FIRST, SECOND, THIRD), simulated))

    @asynccontextmanager
    async def starting() -> AsyncIterator[tuple[RunningRouter, Caller]]:
        async with running_router(config, database=database) as running:
            yield running

    return starting


async def disable(
    caller: Caller, name: str, *, persist: bool = True, state: Any = admin.DESIRED_STATE_DISABLED
) -> None:
    """Switch a target or backend."""
    request = admin.SetTargetStateRequest(target=name, state=state, reason="too dear", persist=persist)
    await caller.admin.SetTargetState(request, timeout=TIMEOUT)


async def upsert(caller: Caller, name: str, *, persist: bool = True, **settings: Any) -> None:
    """Add or change a model."""
    request = admin.UpsertModelRequest(target=name, settings_json=json.dumps(settings), persist=persist)
    await caller.admin.UpsertModel(request, timeout=TIMEOUT)


async def models(caller: Caller) -> dict[str, Any]:
    """The models of the running configuration."""
    request = admin.ExportConfigurationRequest(format=admin.CONFIGURATION_FORMAT_JSON)
    content = json.loads((await caller.admin.ExportConfiguration(request, timeout=TIMEOUT)).text)
    found: dict[str, Any] = content["models"]
    return found


async def state(caller: Caller, name: str = FIRST.name) -> int:
    """The state of a target."""
    return (await caller.row(name)).state


async def within(seconds: float, holds: Callable[[], Awaitable[bool]]) -> None:
    """Wait until it holds; fails after `seconds`."""
    async with asyncio.timeout(seconds):
        while not await holds():  # noqa: ASYNC110 - what is waited for happens in another router
            await asyncio.sleep(0.02)


async def test_what_was_to_be_kept_holds_after_a_restart_and_the_rest_does_not(kept: Kept) -> None:
    """Switches, added, changed and removed models; what was changed without persist is as in the file again."""
    async with kept() as (_, caller):
        await disable(caller, FIRST.name)
        await disable(caller, SECOND.backend, persist=False)
        await upsert(caller, SECOND.name, quality=0.2)
        await upsert(caller, THIRD.name, persist=False, quality=0.3)
        await upsert(caller, "openai/gpt-4o-mini", quality=0.4)
    async with kept() as (_, caller):
        row = await caller.row(FIRST.name)
        assert (row.state, row.state_reason) == (target.TARGET_STATE_DISABLED, "too dear")
        assert await state(caller, SECOND.name) == target.TARGET_STATE_READY
        found = await models(caller)
        assert found[SECOND.name]["quality"] == 0.2
        assert found[THIRD.name]["quality"] == pytest.approx(0.88)
        assert found["openai/gpt-4o-mini"] == {"quality": 0.4}
        request = admin.ReloadConfigurationRequest(discard_changes=True)
        await caller.admin.ReloadConfiguration(request, timeout=TIMEOUT)
        await disable(caller, FIRST.name, state=admin.DESIRED_STATE_ENABLED)
    async with kept() as (_, caller):
        assert await state(caller) == target.TARGET_STATE_READY
        assert (await models(caller))[SECOND.name]["quality"] == pytest.approx(0.89)


async def test_all_routers_on_a_database_follow(kept: Kept) -> None:
    """Within two seconds, in both directions; the last word counts."""
    async with kept() as (_, one), kept() as (_, other):
        began = time.monotonic()
        await disable(one, FIRST.name)
        await upsert(one, SECOND.name, quality=0.2)

        async def followed() -> bool:
            switched = await state(other) == target.TARGET_STATE_DISABLED
            return switched and (await models(other))[SECOND.name]["quality"] == 0.2

        await within(FOLLOW_BOUND, followed)
        logging.getLogger(__name__).info("routers_followed_after: %.2f s", time.monotonic() - began)
        await disable(other, FIRST.backend, state=admin.DESIRED_STATE_ENABLED)

        async def enabled() -> bool:
            return await state(one) == target.TARGET_STATE_READY

        await within(FOLLOW_BOUND, enabled)
        assert (await other.complete(ask())).completed.target == FIRST.name


async def test_a_later_change_without_persist_is_not_undone_by_an_earlier_one_that_was_kept(kept: Kept) -> None:
    """A router does not follow itself."""
    async with kept() as (_, caller):
        await disable(caller, FIRST.name)
        await disable(caller, FIRST.name, persist=False, state=admin.DESIRED_STATE_ENABLED)
        await asyncio.sleep(FOLLOW_INTERVAL * 1.5)
        assert await state(caller) == target.TARGET_STATE_READY


async def test_an_import_holds_until_the_file_changes(kept: Kept, tmp_path: Path) -> None:
    """After a restart and on the other routers, too; a file that is another one wins."""
    async with kept() as (router, one), kept() as (_, other):
        content = json.loads(router.store.current.configuration.render("json"))
        content["models"][FIRST.name]["quality"] = 0.1
        request = admin.ImportConfigurationRequest(text=json.dumps(content), persist=True)
        await one.admin.ImportConfiguration(request, timeout=TIMEOUT)

        async def followed() -> bool:
            return bool((await models(other))[FIRST.name]["quality"] == 0.1)

        await within(FOLLOW_BOUND, followed)
    async with kept() as (router, caller):
        assert (await models(caller))[FIRST.name]["quality"] == 0.1
        router.config.write_text(router.config.read_text().replace("quality: 0.9", "quality: 0.7"))
        await router.store.reload()
        assert (await models(caller))[FIRST.name]["quality"] == 0.7
    async with kept() as (_, caller):
        assert (await models(caller))[FIRST.name]["quality"] == 0.7


async def test_measurements_are_restored(kept: Kept, simulated: SimulatedProviders) -> None:
    """Windows, averages and reported quality go on where they ended; counts since the start begin anew."""
    async with kept() as (router, caller):
        for _ in range(3):
            await caller.complete(ask("Tell me about the bridges of the world, please, and about their builders."))
        simulated.enqueue("openai", Behaviour(faults=(Fault("503"),)))
        await caller.complete(ask())
        router.router.table.report_quality(FIRST.name, 0.75)
        before = await caller.admin.GetStatistics(admin.GetStatisticsRequest(target=FIRST.name), timeout=TIMEOUT)
        rate = (await caller.row(FIRST.name)).success_rate
    async with kept() as (_, caller):
        after = await caller.admin.GetStatistics(admin.GetStatisticsRequest(target=FIRST.name), timeout=TIMEOUT)
        [old], [new] = before.targets, after.targets
        assert (new.latency, new.first_token) == (old.latency, old.first_token)
        assert new.latency.samples == 3
        assert (new.tokens_per_second, new.reported_quality) == (old.tokens_per_second, 0.75)
        assert (new.attempts, new.spent_nanodollars) == (0, 0)
        assert (await caller.row(FIRST.name)).success_rate == pytest.approx(rate, abs=0.01)


async def test_a_locked_database_stops_nothing(
    simulated: SimulatedProviders, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Calls go on; a change that was to be kept is refused and not made; one line says so, one that it is back."""
    caplog.set_level(logging.INFO, "router_service.recording")
    config = write_configuration(tmp_path, configuration((FIRST, SECOND, THIRD), simulated))
    async with running_router(config, database="sqlite:///kept.db") as (_, caller):
        with closing(sqlite3.connect(tmp_path / "kept.db", isolation_level=None)) as locking:
            locking.execute("BEGIN EXCLUSIVE")
            await refused_while_lost(caller)
            await disable(caller, FIRST.name, persist=False)
            assert (await caller.complete(ask())).completed.target == SECOND.name
            locking.execute("ROLLBACK")
        await kept_again(caller)
    [lost] = [record.message for record in caplog.records if "cannot be used" in record.message]
    assert "is locked" in lost
    assert len([record for record in caplog.records if record.message.endswith("kept.db is back")]) == 1


@pytest.mark.postgres
async def test_a_server_that_hangs_stops_nothing(
    simulated: SimulatedProviders, tmp_path: Path, postgres: Postgres, caplog: pytest.LogCaptureFixture
) -> None:
    """A paused PostgreSQL keeps its connections open; every change has its deadline all the same."""
    config = write_configuration(tmp_path, configuration((FIRST, SECOND, THIRD), simulated))
    async with running_router(config, database=postgres.new_database()) as (_, caller):
        postgres.pause()
        try:
            await refused_while_lost(caller)
        finally:
            postgres.resume()
        await kept_again(caller)
    assert len([record for record in caplog.records if "cannot be used" in record.message]) == 1


async def refused_while_lost(caller: Caller) -> None:
    """A change that is to be kept fails in time and changes nothing; calls are answered meanwhile."""
    request = admin.SetTargetStateRequest(target=FIRST.name, state=admin.DESIRED_STATE_DISABLED, persist=True)
    refusal = asyncio.create_task(failure_of(caller.admin.SetTargetState(request, timeout=15)))
    while not refusal.done():
        # Shorter than a transaction may take: no call waits for the database.
        assert (await caller.complete(ask(), timeout=TRANSACTION_TIMEOUT - 1)).completed.target == FIRST.name
    failure = await refusal
    assert (failure.code, failure.reason) == (grpc.StatusCode.UNAVAILABLE, "NOT_KEPT")
    assert "without persist" in failure.message


async def kept_again(caller: Caller) -> None:
    """The database is back: a change is taken."""

    async def taken() -> bool:
        try:
            await disable(caller, SECOND.name)
        except grpc.aio.AioRpcError:
            return False
        return True

    await within(15, taken)


async def test_a_router_starts_without_its_database(
    simulated: SimulatedProviders, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing listens at the address: it serves, and says once that nothing is kept. No password is in the log."""
    config = write_configuration(tmp_path, configuration((FIRST,), simulated))
    address = "postgresql://somebody:hunter2@127.0.0.1:9/nothing"
    async with running_router(config, database=address) as (_, caller):
        assert (await caller.complete(ask())).completed.target == FIRST.name
    assert caplog.text.count("cannot be used") == 1
    assert "hunter2" not in caplog.text


async def test_a_database_of_a_newer_version_is_left_alone(
    simulated: SimulatedProviders, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The router serves without it and says why; nothing in it is touched."""
    config = write_configuration(tmp_path, configuration((FIRST,), simulated))
    with closing(sqlite3.connect(tmp_path / "kept.db")) as newer:
        newer.execute("CREATE TABLE trunkline_schema (version_num VARCHAR(32) NOT NULL)")
        newer.execute("INSERT INTO trunkline_schema VALUES ('9999')")
        newer.commit()
    async with running_router(config, database="sqlite:///kept.db") as (_, caller):
        assert (await caller.complete(ask())).completed.target == FIRST.name
    assert "a newer version of the router made its tables" in caplog.text


async def test_without_a_database_persist_is_refused(simulated: SimulatedProviders, tmp_path: Path) -> None:
    """The message says which setting to change."""
    config = write_configuration(tmp_path, configuration((FIRST,), simulated))
    async with running_router(config) as (_, caller):
        request = admin.SetTargetStateRequest(target=FIRST.name, state=admin.DESIRED_STATE_DISABLED, persist=True)
        failure = await failure_of(caller.admin.SetTargetState(request, timeout=TIMEOUT))
        assert failure.code is grpc.StatusCode.INVALID_ARGUMENT
        assert "router.database is none" in failure.fields["persist"]
        assert await state(caller) == target.TARGET_STATE_READY
