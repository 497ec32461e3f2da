"""What a router in this process shows to Prometheus, after calls and faults whose outcome is known."""

import asyncio
import logging
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from random import Random

import pytest

from provider_workers.link.client import Link
from provider_workers.metrics import WorkerCollector
from provider_workers.simulated import Behaviour, Fault, ProviderSpec, SimulatedProviders
from router_service.dispatch.hedging import HedgeBudget
from router_service.metrics.surroundings import RedisCollector
from service_common.span_counts import SpanCounts
from tests.support.caller import ask, failure_of
from tests.support.configurations import FIRST, SECOND, Target, configuration, write_configuration
from tests.support.metrics import read
from tests.support.redis import Redis
from tests.support.router_harness import running_router, until
from trunkline.admin.v1 import admin_service_pb2 as admin
from trunkline.router.v1 import router_service_pb2 as pb
from trunkline.types.v1 import chat_pb2 as chat

GONE = Target(FIRST.backend, "gpt-gone")
"""The provider does not have it."""
DOCUMENTATION = (Path(__file__).resolve().parents[3] / "docs" / "metrics.md").read_text(encoding="utf-8")
HEDGE = {"hedge": True, "hedge_budget": 0.5, "first_token_timeout": "10s"}


@pytest.fixture
async def simulated() -> AsyncIterator[SimulatedProviders]:
    """Two providers."""
    specs = [ProviderSpec(target.backend, models=(target.model,)) for target in (FIRST, SECOND)]
    async with SimulatedProviders(specs, seed=1) as providers:
        yield providers


async def test_calls_attempts_tokens_and_cost(simulated: SimulatedProviders, tmp_path: Path) -> None:
    """Two answers, one after a fallback, and a call that is refused: each number is what the caller was told."""
    simulated.enqueue(FIRST.backend, Behaviour(), Behaviour(faults=(Fault("500"),)))
    config = write_configuration(tmp_path, configuration((FIRST, SECOND), simulated))
    async with running_router(config) as (router, caller):
        first = (await caller.complete(ask())).completed
        second = (await caller.complete(ask())).completed
        await failure_of(caller.router.Complete(pb.CompleteRequest(), timeout=10))
        shown = await read(router.router.metrics)
    assert shown.value("calls_total", method="Complete", code="OK") == 2
    assert shown.value("calls_total", method="Complete", code="INVALID_ARGUMENT") == 1
    assert shown.value("call_seconds_count", method="Complete") == 3
    assert shown.value("attempts_total", target=FIRST.name, outcome="success") == 1
    assert shown.value("attempts_total", target=FIRST.name, outcome="unavailable") == 1
    assert shown.value("attempts_total", target=SECOND.name, outcome="success") == 1
    assert shown.value("attempts_by_kind_total", kind="fallback", answered="true") == 1
    assert shown.value("tokens_total", target=FIRST.name, kind="input") == first.usage.input_tokens
    assert shown.value("tokens_total", target=SECOND.name, kind="output") == second.usage.output_tokens
    assert shown.value("cost_dollars_total", target=SECOND.name) == pytest.approx(second.cost_nanodollars / 1e9)
    assert shown.value("answer_seconds_count", target=FIRST.name) == 1
    assert shown.value("first_token_seconds_bucket", target=FIRST.name, le="+Inf") == 1
    assert shown.value("in_flight", target=FIRST.name) == 0
    assert shown.value("workers", backend=FIRST.backend) == 1
    assert shown.types["trunkline_attempts"] == "counter"
    assert shown.types["trunkline_answer_seconds"] == "histogram"


async def test_a_refused_key_is_an_alarm_and_one_line_of_log(
    simulated: SimulatedProviders, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The alarm names target and reason, and ends when the target answers again; its log line comes once."""
    caplog.set_level(logging.WARNING, "router_service")
    simulated.set_behaviour(FIRST.backend, Behaviour(faults=(Fault("401"),)))
    config = write_configuration(tmp_path, configuration((FIRST, SECOND), simulated, probes={"interval": "200ms"}))
    only_first = ask(routing=chat.RoutingOptions(model=FIRST.name))
    async with running_router(config) as (router, caller):
        assert (await caller.complete(ask())).completed.target == SECOND.name
        shown = await read(router.router.metrics)
        assert shown.value("target_out", target=FIRST.name, reason="auth") == 1
        assert shown.value("target_state", target=FIRST.name, state="out") == 1
        assert shown.value("target_state", target=FIRST.name, state="ready") == 0
        table = router.router.table
        await until(lambda: table.snapshot().targets[FIRST.name].state.label == "ready", "a probe to succeed")
        await failure_of(caller.complete(only_first))
        simulated.reset_behaviour(FIRST.backend)
        await until(lambda: table.snapshot().targets[FIRST.name].state.label == "ready", "a probe to succeed")
        await caller.complete(only_first)
        shown = await read(router.router.metrics)
    assert shown.get("target_out", target=FIRST.name, reason="auth") is None
    assert shown.value("upkeep_total", operation="probe", outcome="success") >= 2
    [line] = [each.getMessage() for each in caplog.records if " is out" in each.getMessage()]
    assert line.startswith(f"{FIRST.backend} is out")  # a key is the whole backend's
    assert "auth (401)" in line


async def test_a_provider_that_lists_nothing_for_want_of_a_key(simulated: SimulatedProviders, tmp_path: Path) -> None:
    """The worker finds out before any call does: the alarm has the same reason."""
    simulated.set_behaviour(FIRST.backend, Behaviour(faults=(Fault("401", operation="any"),)))
    config = write_configuration(tmp_path, configuration((FIRST, SECOND), simulated))
    async with running_router(config) as (router, _):
        shown = await read(router.router.metrics)
    assert shown.value("target_out", target=FIRST.name, reason="auth") == 1


async def test_waiting_hedging_and_repeats(simulated: SimulatedProviders, tmp_path: Path) -> None:
    """Counts that the router keeps for itself are shown as they are."""
    content = configuration((FIRST, SECOND), simulated, attempts=HEDGE)
    async with running_router(write_configuration(tmp_path, content)) as (router, caller):
        await caller.complete(ask(idempotency_key="one"))
        await caller.complete(ask(idempotency_key="one"))
        router.router.room.counts.refused = 3
        budget = router.router.hedges.by_profile["ordered"]
        assert isinstance(budget, HedgeBudget)
        budget.spend()
        shown = await read(router.router.metrics)
    assert shown.value("idempotent_calls_total", outcome="begun") == 1
    assert shown.value("idempotent_calls_total", outcome="replayed") == 1
    assert shown.value("idempotent_calls_kept") == 1
    assert shown.value("waiting_refused_total") == 3
    assert shown.value("waiting_calls") == 0
    assert shown.value("hedges_started_total", profile="ordered") == 1
    assert shown.value("hedges_refused_total", profile="ordered") == 0


async def test_a_drill_is_shown_by_alias(simulated: SimulatedProviders, tmp_path: Path) -> None:
    """A chain that holds is 1, one that has lost a link is 0, with the time of the newest drill; one target is none."""
    aliases = {"both": [FIRST.name, SECOND.name], "lost": [SECOND.name, GONE.name], "second": [SECOND.name]}
    config = write_configuration(tmp_path, configuration((FIRST, SECOND, GONE), simulated, aliases=aliases))
    async with running_router(config) as (router, caller):
        assert (await read(router.router.metrics)).get("drill_holds", alias="both") is None
        _ = [step async for step in caller.admin.RunDrill(admin.RunDrillRequest(), timeout=20)]
        shown = await read(router.router.metrics)
        now = router.clock.wall().timestamp()
    assert shown.value("drill_holds", alias="both") == 1
    assert shown.value("drill_holds", alias="lost") == 0
    assert shown.get("drill_holds", alias="second") is None
    assert now - 60 < shown.value("drill_timestamp_seconds", alias="both") <= now


async def test_a_configuration_that_is_not_taken(simulated: SimulatedProviders, tmp_path: Path) -> None:
    """The version stays, the file counts as rejected until it is mended, and each failed reload is counted."""
    config = write_configuration(tmp_path, configuration((FIRST, SECOND), simulated))
    sound = config.read_text()
    async with running_router(config) as (router, caller):
        before = await read(router.router.metrics)
        config.write_text("nonsense: true")
        await failure_of(caller.admin.ReloadConfiguration(admin.ReloadConfigurationRequest(), timeout=10))
        during = await read(router.router.metrics)
        config.write_text(sound)
        await caller.admin.ReloadConfiguration(admin.ReloadConfigurationRequest(), timeout=10)
        after = await read(router.router.metrics)
    version = router.store.current.catalogue.version
    assert all(each.value("configuration_info", version=version) == 1 for each in (before, during, after))
    assert [each.value("configuration_file_rejected") for each in (before, during, after)] == [0, 1, 0]
    assert [each.value("configuration_reloads_failed_total") for each in (before, during, after)] == [0, 1, 1]


@pytest.mark.redis
async def test_a_redis_that_is_gone(simulated: SimulatedProviders, tmp_path: Path, redis: Redis) -> None:
    """Both uses say so once they have tried, and calls are answered."""
    limited = Target(FIRST.backend, FIRST.model, section={"limits": {"requests_per_minute": 600}})
    content = configuration((limited,), simulated, shared={"redis": redis.address, "refresh": "50ms"})
    async with running_router(write_configuration(tmp_path, content)) as (router, caller):
        await caller.complete(ask(idempotency_key="before"))
        assert (await read(router.router.metrics)).value("redis_up", use="limits") == 1
        redis.process.kill()
        await caller.complete(ask(idempotency_key="after"))
        sharing = router.router.sharing
        assert sharing is not None
        await until(lambda: not sharing.limits.reachable, "the loss to be noticed")
        shown = await read(router.router.metrics)
    assert [shown.value("redis_up", use=use) for use in ("limits", "answers")] == [0, 0]
    assert all(shown.value("redis_failures_total", use=use) >= 1 for use in ("limits", "answers"))


async def test_a_scrape_of_many_targets_holds_nothing_up(simulated: SimulatedProviders, tmp_path: Path) -> None:
    """While 200 targets are written, other work gets its turn after every few samples."""
    content = configuration((FIRST,), simulated)
    facts = content["models"][FIRST.name]
    content["models"] |= {f"{FIRST.backend}/model-{number}": facts for number in range(199)}
    config = write_configuration(tmp_path, content)
    async with running_router(config, workers=False) as (router, _):
        scraping = asyncio.create_task(read(router.router.metrics))
        turns = 0
        while not scraping.done():
            turns += 1
            await asyncio.sleep(0)
        shown = await scraping
    assert sum(name == "trunkline_in_flight" for name, _ in shown.samples) == 200
    assert turns > sum(1 for _ in shown.samples) / 100


@dataclass
class Lost:
    """One use of Redis, out of reach."""

    reachable: bool = False
    failures: int = 1


async def test_the_page_of_documentation_names_every_metric(simulated: SimulatedProviders, tmp_path: Path) -> None:
    """Each metric of router and worker is described, and each that is described exists."""
    config = write_configuration(tmp_path, configuration((FIRST,), simulated))
    async with running_router(config, database="sqlite:///kept.db") as (router, _):
        registry = router.router.metrics
        registry.register(SpanCounts())
        registry.register(RedisCollector(Lost(), Lost()))
        worker = router.workers[FIRST.backend]
        registry.register(WorkerCollector(worker, Link(worker, "0", Random(1)), "0"))
        families = list(registry.collect())
    suffixes = {"counter": "_total"}
    names = {family.name + suffixes.get(family.kind, "") for family in families}
    assert len(names) == len(families)
    described = set(re.findall(r"trunkline_[a-z_]+", re.sub(r"```.*?```|_bucket", "", DOCUMENTATION, flags=re.DOTALL)))
    assert described == {name for name in names if name.startswith("trunkline_")}
