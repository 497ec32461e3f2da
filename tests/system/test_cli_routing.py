"""The commands about routing against a real `trunkline up` with simulated providers, and a real Jaeger."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.command_line import trunkline
from tests.support.jaeger import Jaeger
from tests.support.up_process import up_process

pytestmark = pytest.mark.timeout(90)


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """One router for all tests of this module; they change nothing in it."""
    with up_process(tmp_path_factory.mktemp("up")) as running:
        yield running


async def test_the_nearest_relaxation_works(address: str) -> None:
    """Nothing fits; the flag that the last line names, pasted, admits the target that it names."""
    limits = ("--max-cost", "0.0000001", "--exclude", "ollama", "hello", "--router", address)
    refused = await trunkline("route", "--explain", *limits)
    assert refused.code == 1
    assert "no target passed the filters" in refused.out
    found = re.search(r"note: --max-cost (\S+) would admit (\S+)", refused.out)
    assert found is not None, refused.out
    admitted = await trunkline("route", "--json", *limits, "--max-cost", found[1])
    assert admitted.json["plan"] == [found[2]]


async def test_profiles_side_by_side(address: str) -> None:
    """The fastest and the best are different targets, and each comparison agrees with a decision of its own."""
    ran = await trunkline("route", "--compare", "latency,quality", "--json", "hello", "--router", address)
    choices = {name: profile["choice"] for name, profile in ran.json["profiles"].items()}
    assert len(set(choices.values())) == 2
    for profile, choice in choices.items():
        decided = await trunkline("route", "--profile", profile, "--json", "hello", "--router", address)
        assert decided.json["plan"][0] == choice


async def test_strategies_over_the_real_table(address: str, tmp_path: Path) -> None:
    """Expected without any attempt; executed with as many as were promised; quality spends more than cost."""
    file = tmp_path / "prompts"
    file.write_text("What is the capital of Peru?\nWrite a Python function that merges two lists\n")
    arguments = ("bench", "strategies", str(file), "--json", "--router", address)
    ran = await trunkline(*arguments, "--profiles", "latency,quality,round_robin")
    latency, quality, round_robin = ran.json["strategies"]
    assert latency["cost_usd"] < quality["cost_usd"]
    assert latency["quality"] < quality["quality"]
    assert len(round_robin["spread"]) == 5
    assert await attempts(address) == 0
    ran = await trunkline(*arguments, "--profiles", "latency,quality", "-n", "4", "--execute", "--yes")
    assert [one["success_rate"] for one in ran.json["strategies"]] == [1.0, 1.0], ran.err
    assert await attempts(address) == 8


async def attempts(address: str) -> int:
    """Attempts that the router made so far."""
    rows = (await trunkline("table", "--json", "--router", address)).json
    return sum(row["attempts"] for row in rows)


async def test_embed_and_count(address: str) -> None:
    """Vectors of the length that was asked for, and an estimate of tokens."""
    embedded = await trunkline(
        "embed", "-m", "openai/text-embedding-3-small", "--dimensions", "4", "a", "b", "--router", address
    )
    assert [len(json.loads(line)) for line in embedded.out.splitlines()] == [4, 4]
    counted = await trunkline("count", "-m", "openai/gpt-4o", "--json", "hello", "--router", address)
    assert [entry["target"] for entry in counted.json] == ["openai/gpt-4o"]
    assert counted.json[0]["input_tokens"] > 0


@pytest.mark.jaeger
async def test_a_trace_of_a_real_call(jaeger: Jaeger, tmp_path: Path) -> None:
    """The tree of a call as Jaeger knows it: server, decision, attempt, the provider's request."""
    tracing = {"OTEL_EXPORTER_OTLP_ENDPOINT": jaeger.otlp_endpoint, "OTEL_BSP_SCHEDULE_DELAY": "200"}
    with up_process(tmp_path, more=tracing) as address:
        answer = (await trunkline("chat", "--json", "hello", "--router", address)).json
        await jaeger.wait_for_trace(answer["trace_id"], 4)
        ran = await trunkline("trace", answer["trace_id"], "--jaeger", jaeger.query_url)
    assert ran.code == 0, ran.err
    assert "4 spans of trunkline-router, trunkline-worker" in ran.out
    assert re.search(r"RouterService/Complete .* OK, ", ran.out)
    assert re.search(rf"└─ chat {answer['target']} .* tokens", ran.out)
    assert re.search(r"   └─ POST .* 200 from 127\.0\.0\.1:\d+", ran.out)
    unknown = await trunkline("trace", "ab" * 16, "--jaeger", jaeger.query_url)
    assert (unknown.code, "does not know trace" in unknown.err) == (1, True)
