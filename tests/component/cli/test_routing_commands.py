"""Commands about routing as processes, against a router that plays a script: compare, bench, count, embed."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from tests.support.command_line import trunkline
from tests.support.scripted_router import Failure, Script, ScriptedRouter, completed, table_of
from trunkline.router.v1 import router_service_pb2 as router_pb2
from trunkline.types.v1 import attempt_pb2

CHOICES = {"cost": "groq/mini", "quality": "openai/big"}
COSTS = {"groq/mini": 1_000_000, "openai/big": 50_000_000}


@pytest.fixture
async def router() -> AsyncIterator[ScriptedRouter]:
    """Two profiles, two targets: each profile chooses another."""
    listed = router_pb2.ListModelsResponse(profiles=list(CHOICES), default_profile="cost")
    listed.models.add(target="groq/mini", quality=0.5)
    listed.models.add(target="openai/big", quality=0.9)
    table = table_of("groq/mini", "openai/big")
    table.rows[0].success_rate, table.rows[1].success_rate = 0.9, 1.0
    script = Script({"Route": routed, "Complete": answered, "ListModels": listed, "GetTable": table})
    async with ScriptedRouter(script) as running:
        yield running


def routed(request: Any) -> router_pb2.RouteResponse | Failure:
    """The profile's choice."""
    profile = request.completion.routing.profile
    if profile not in CHOICES:
        error = attempt_pb2.CallError(reason="INVALID_REQUEST", message="one mistake")
        error.violations.add(field="routing.profile", description=f'no "{profile}"')
        return Failure(grpc.StatusCode.INVALID_ARGUMENT, "one mistake", error)
    response = router_pb2.RouteResponse()
    made, target = response.decision, CHOICES[profile]
    made.profile = profile
    made.plan.append(target)
    candidate = made.candidates.add(target=target, score=0.8, expected_cost_nanodollars=COSTS[target])
    candidate.expected_latency.FromMilliseconds(1500)
    return response


def answered(request: Any) -> router_pb2.CompleteResponse | Failure:
    """The profile's choice answers; `fail` makes it fail."""
    target = CHOICES[request.completion.routing.profile]
    if request.completion.messages[0].content[0].text == "fail":
        error = attempt_pb2.CallError(reason="ALL_ATTEMPTS_FAILED", message="every target failed")
        error.attempts.add(number=1, target=target, outcome=attempt_pb2.ATTEMPT_OUTCOME_FAILED)
        return Failure(grpc.StatusCode.UNAVAILABLE, "every target failed", error)
    return router_pb2.CompleteResponse(text="ok", completed=completed("ok", target)[-1].completed)


def asked(router: ScriptedRouter, kind: type[Any]) -> list[Any]:
    """What the router was asked, of one kind."""
    return [request for request in router.script.requests if isinstance(request, kind)]


async def test_compare(router: ScriptedRouter) -> None:
    """One question under each profile, with the same options; choices side by side."""
    arguments = ("route", "--compare", "cost,quality", "--max-cost", "1", "hello", "--router", router.address)
    ran = await trunkline(*arguments)
    lines = [" ".join(line.split()) for line in ran.out.splitlines()]
    assert ran.code == 0, ran.err
    assert "groq/mini 0.80 #1 removed 0.50 $0.001 1.5 s" in lines
    assert "quality openai/big $0.05, 1.5 s, quality 0.90" in lines
    requests = asked(router, router_pb2.RouteRequest)
    assert [request.completion.routing.profile for request in requests] == ["cost", "quality"]
    assert {request.completion.routing.max_cost_nanodollars for request in requests} == {10**9}
    profiles = (await trunkline(*arguments, "--json")).json["profiles"]
    assert {name: profile["choice"] for name, profile in profiles.items()} == CHOICES


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--compare", "cost,cheap"), 'no "cheap"'),
        (("--compare", "cost", "--profile", "quality"), "leave out --profile"),
        (("--compare", ","), "at least one profile"),
        (("--provider-option", "openai"), "BACKEND=JSON"),
    ],
)
async def test_wrong_comparisons(router: ScriptedRouter, arguments: tuple[str, ...], says: str) -> None:
    """What is wrong is named; exit code 2."""
    ran = await trunkline("route", *arguments, "hello", "--router", router.address)
    assert ran.code == 2
    assert says in " ".join(ran.err.replace("│", " ").split())


async def test_bench_sends_nothing(router: ScriptedRouter, tmp_path: Path) -> None:
    """Every prompt under each profile, 100 times in turn; expectations as JSON and as a table."""
    file = tmp_path / "prompts.jsonl"
    file.write_text('{"prompt": "one"}\n{"prompt": "two", "options": {"task": "translation"}}\n')
    ran = await trunkline("bench", "strategies", str(file), "--json", "--router", router.address)
    assert ran.code == 0, ran.err
    assert {name: ran.json[name] for name in ("prompts", "iterations", "executed")} == {
        "prompts": 2,
        "iterations": 100,
        "executed": False,
    }
    cost, quality = ran.json["strategies"]
    assert (cost["profile"], cost["runs"], cost["spread"]) == ("cost", 100, {"groq/mini": 1.0})
    assert (cost["success_rate"], cost["cost_usd"], cost["quality"]) == (pytest.approx(0.9), 0.001, 0.5)
    assert (quality["total_cost_usd"], quality["latency_ms"]) == (5.0, 1500.0)
    assert len(asked(router, router_pb2.RouteRequest)) == 200
    assert not asked(router, router_pb2.CompleteRequest)
    ran = await trunkline(
        "bench", "strategies", str(file), "-n", "1", "--profiles", "quality", "--router", router.address
    )
    assert "quality 100.0% 100.0% $0.05 1.5 s 1.5 s 0.90" in " ".join(ran.out.split())
    assert "nothing was sent" in ran.out


async def test_bench_executes_only_when_told(router: ScriptedRouter, tmp_path: Path) -> None:
    """The cost is shown and asked for; without a yes nothing is sent; a failed call counts as one."""
    file = tmp_path / "prompts"
    file.write_text("hello\nfail\n")
    arguments = ("bench", "strategies", str(file), "-n", "4", "--execute", "--json", "--router", router.address)
    refused = await trunkline(*arguments, stdin="n\n")
    assert refused.code == 1
    assert "8 calls will be sent, about $0.2 in all" in refused.err
    assert not asked(router, router_pb2.CompleteRequest)
    for ran in (await trunkline(*arguments, stdin="y\n"), await trunkline(*arguments, "--yes")):
        assert ran.code == 0, ran.err
        assert ran.json["executed"]
        assert [one["success_rate"] for one in ran.json["strategies"]] == [0.5, 0.5]
        assert ran.json["strategies"][1]["spread"] == {"openai/big": 1.0}
    assert len(asked(router, router_pb2.CompleteRequest)) == 16


async def test_bench_ends_where_the_router_is_gone(tmp_path: Path) -> None:
    """A table of nothing but failures would say nothing of the profiles."""
    file = tmp_path / "prompts"
    file.write_text("hello\n")
    ran = await trunkline("bench", "strategies", str(file), "--router", "127.0.0.1:1")
    assert ran.code == 1
    assert "trunkline up" in ran.err
    ran = await trunkline("bench", "strategies", str(tmp_path / "none"), "--router", "127.0.0.1:1")
    assert (ran.code, "cannot be read" in " ".join(ran.err.replace("│", " ").split())) == (2, True)


async def test_bench_names_the_line_of_a_bad_option(router: ScriptedRouter, tmp_path: Path) -> None:
    """A value that the client or the router refuses: the mistake stands with the file and the line."""
    file = tmp_path / "prompts.jsonl"
    file.write_text('{"prompt": "one"}\n{"prompt": "two", "options": {"max_cost": "dear"}}\n')
    ran = await trunkline("bench", "strategies", str(file), "-n", "2", "--json", "--router", router.address)
    assert ran.code == 2
    [violation] = ran.json["error"]["violations"]
    assert violation["field"] == f"{file}:2: max_cost"


async def test_count(router: ScriptedRouter) -> None:
    """Per target with what corrected it, per family where no target is named."""
    counts = router_pb2.CountTokensResponse()
    counts.counts.add(target="openai/big", family="gpt-4o", input_tokens=12, observations=3)
    counts.counts.add(target="groq/llama", family="llama", input_tokens=14)
    router.script.answers["CountTokens"] = counts
    for flags, names in (((), ("family gpt-4o", "family llama")), (("-m", "both"), ("openai/big", "groq/llama"))):
        ran = await trunkline("count", "hello", *flags, "--router", router.address)
        lines = [" ".join(line.split()) for line in ran.out.splitlines()]
        assert lines == [f"{names[0]} 12 tokens corrected by 3 answers", f"{names[1]} 14 tokens an estimate"]
    ran = await trunkline("count", "--json", "-", "--router", router.address, stdin="hello")
    assert [entry["input_tokens"] for entry in ran.json] == [12, 14]


async def test_embed(router: ScriptedRouter) -> None:
    """A vector a line on standard output, what is said about them on standard error; texts from lines of a pipe."""
    response = router_pb2.EmbedResponse(target="openai/embed", simulated=True)
    response.embeddings.add(values=[0.5, -1.0])
    response.embeddings.add(values=[0.25, 2.0])
    response.usage.input_tokens = 1
    router.script.answers["Embed"] = response
    options = ("-m", "embed", "--dimensions", "2", "--request-id", "r1", "--label", "a=b", "--router", router.address)
    ran = await trunkline("embed", "one", "two words", *options)
    assert (ran.code, ran.out) == (0, "[0.5, -1.0]\n[0.25, 2.0]\n")
    assert "openai/embed  2 dimensions  1 token  " in ran.err
    assert "simulated" in ran.err
    ran = await trunkline("embed", "--json", *options, stdin="one\ntwo words\n")
    assert ran.json["vectors"] == [[0.5, -1.0], [0.25, 2.0]]
    requests = asked(router, router_pb2.EmbedRequest)
    assert [list(request.inputs) for request in requests] == [["one", "two words"]] * 2
    assert {(request.model, request.dimensions, request.request_id) for request in requests} == {("embed", 2, "r1")}
    assert dict(requests[0].labels) == {"a": "b"}
