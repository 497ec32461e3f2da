"""The operators' commands as processes, against a real router."""

import asyncio
import json
import re
import signal
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from provider_workers.simulated import ProviderSpec, SimulatedProviders
from tests.support.caller import ask
from tests.support.command_line import Ran, started, trunkline
from tests.support.configurations import FIRST, SECOND, configuration, write_configuration
from tests.support.router_harness import running_router

Run = Callable[..., Coroutine[Any, Any, Ran]]


@pytest.fixture
async def address(tmp_path: Path) -> AsyncIterator[str]:
    """Of a router with two targets, of which the first has answered once."""
    specs = [ProviderSpec(each.backend, models=(each.model,)) for each in (FIRST, SECOND)]
    async with SimulatedProviders(specs, seed=1) as simulated:
        config = write_configuration(tmp_path, configuration((FIRST, SECOND), simulated))
        async with running_router(config) as (router, caller):
            await caller.complete(ask())
            yield router.address


@pytest.fixture
def run(address: str) -> Run:
    """Runs a command against that router."""

    async def command(*arguments: str, stdin: str | None = None) -> Ran:
        return await trunkline(*arguments, "--router", address, stdin=stdin)

    return command


async def test_stats_show_what_happened(run: Run) -> None:
    """A row per target for people, every figure as JSON, and the nearest name where there is none."""
    shown = await run("stats")
    assert shown.code == 0
    assert FIRST.name in shown.out
    assert re.search(rf"{FIRST.name} +1 +0 ", shown.out)
    [found] = (await run("stats", FIRST.name, "--json")).json
    assert (found["target"], found["attempts"], found["successes"], found["failures"]) == (FIRST.name, 1, 1, {})
    assert found["latency"]["samples"] == 1
    assert found["latency"]["p50_ms"] > 0
    assert found["spent_usd"] > 0
    unknown = await run("stats", "opnai")
    assert unknown.code == 1
    assert 'Did you mean "openai"' in unknown.err


async def test_a_watched_table_into_a_pipe_is_printed_at_each_change(run: Run, address: str) -> None:
    """One table after the other, each with its time and without a terminal's codes, for `tee`, `grep` and logs."""
    async with started("table", "--watch", "--interval", "0.05", "--router", address) as (process, lines):
        async with asyncio.timeout(30):
            assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", await anext(lines))
            assert (await anext(lines)).startswith("target ")
            await run("target", "disable", FIRST.name)
            async for line in lines:
                assert "\x1b" not in line
                if re.match(rf"{FIRST.name} +disabled ", line):
                    break
            process.send_signal(signal.SIGINT)
            assert await process.wait() == 0


async def test_targets_are_switched(run: Run) -> None:
    """The rows as they are then; a backend stands for all its targets."""
    ran = await run("target", "disable", FIRST.backend, "--reason", "no more credit")
    assert ran.code == 0
    assert "no more credit" in ran.out
    [row] = (await run("target", "drain", FIRST.name, "--json")).json
    assert (row["state"], row["state_reason"]) == ("draining", "draining by an operator")
    [row] = (await run("target", "enable", FIRST.name, "--json")).json
    assert row["state"] == "ready"
    refused = await run("target", "disable", FIRST.name, "--persist")
    assert refused.code == 2
    assert "router.database is none" in refused.err


async def test_models_are_added_changed_and_removed(run: Run) -> None:
    """Settings by name; each mistake is a usage error that changes nothing."""
    name = "openai/gpt-4o-mini"
    added = await run("model", "add", name, "quality=0.95", "price.input=0.4", "price.output=1.6", "tags=code,general")
    assert added.code == 0, added.err
    assert added.out.startswith(f"added {name}; configuration ")
    assert (await run("model", "update", name, "capabilities.coding=9", "quality=", "--json")).code == 0
    exported = (await run("config", "export", "--format", "json")).json
    price = {"input": 0.4, "output": 1.6}
    assert exported["models"][name] == {"capabilities": {"coding": 9}, "price": price, "tags": ["code", "general"]}
    assert name in (await run("model", "list")).out
    for arguments, words in (
        (("add", name), "is in the configuration already"),
        (("update", name), "nothing to change"),
        (("update", name, "quality"), "write NAME=VALUE"),
        (("update", name, "quality=2"), "less than or equal to 1"),
    ):
        wrong = await run("model", *arguments)
        assert wrong.code == 2
        assert words in wrong.err
    assert (await run("model", "update", "openai/nope", "quality=1")).code == 1
    assert (await run("config", "export", "--format", "json")).json == exported
    assert (await run("model", "remove", name)).code == 0
    assert name not in (await run("model", "list")).out


async def test_a_configuration_is_exported_imported_and_reloaded(run: Run, tmp_path: Path) -> None:
    """What would be different is said before; a mistake names its line; a reload that discards is the file again."""
    exported = await run("config", "export")
    file = tmp_path / "other.yaml"
    file.write_text(exported.out + f"aliases: {{quick: [{SECOND.name}]}}\n")
    tried = await run("config", "import", str(file), "--dry-run")
    assert (tried.code, tried.out.splitlines()[0].strip()) == (0, "added aliases")
    assert "nothing was changed" in tried.out
    taken = (await run("config", "import", "-", "--json", stdin=file.read_text())).json
    assert (taken["changes"], taken["dry_run"]) == (["added aliases"], False)
    assert (await run("config", "reload")).out.startswith("no difference")
    assert "removed aliases" in (await run("config", "reload", "--discard")).out
    file.write_text(exported.out + "aliases: {quick: [groq/llama]}\n")
    refused = await run("config", "import", str(file))
    assert refused.code == 2
    assert f"line {len(file.read_text().splitlines())}: " in refused.err
    failed = await run("config", "import", str(file), "--json")
    assert failed.code == 2
    assert [each["field"] for each in json.loads(failed.out)["error"]["violations"]] == ["aliases.quick[0]"]
    assert (await run("config", "import", str(tmp_path / "none.yaml"))).code == 2
