"""Fallback drills and pulls, from the command line to the providers."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from provider_workers.simulated import Fault, ProviderSpec, SimulatedProviders
from tests.support.command_line import Ran, started, trunkline
from tests.support.configurations import FIRST, LOCAL, SECOND, THIRD, Target, configuration, write_configuration
from tests.support.fault_lab import KINDS, Lab, fault_lab
from tests.support.router_process import attached, deployment
from tests.system.faults.conftest import Open
from trunkline.types.v1.target_pb2 import TARGET_STATE_READY

FIRST_OF_ALL = KINDS["openai_wire"]
CHAIN = [FIRST_OF_ALL.name, SECOND.name, THIRD.name]
PUBLIC_ONLY = Target(SECOND.backend, SECOND.model, SECOND.kind, {"clearance": "public"})
ALIASES = {"fast": CHAIN, "solo": [SECOND.name]}


async def run(lab: Lab, *arguments: str) -> Ran:
    """The command, against the lab's router."""
    return await trunkline(*arguments, environment={"TRUNKLINE_ROUTER": lab.router.address})


def drilling(open_lab: Open, **sections: Any) -> AbstractAsyncContextManager[Lab]:
    """A router with a chain of three and an alias of one."""
    return open_lab(FIRST_OF_ALL, SECOND, THIRD, **{"aliases": ALIASES, **sections})


async def test_a_drill_makes_each_target_answer(open_lab: Open) -> None:
    """Each target of the chain really gets the prompt once, as those before it fail inside the router."""
    async with drilling(open_lab) as lab:
        ran = await run(lab, "drill", "fast", "--yes", "--json")
        assert ran.code == 0, ran.err
        assert ran.json["holds"]
        steps = ran.json["steps"]
        assert [step["answered_by"] for step in steps] == CHAIN
        assert [step["failed_targets"] for step in steps] == [[], CHAIN[:1], CHAIN[:2]]
        assert all(step["cost_usd"] > 0 for step in [*steps, ran.json])
        assert {step["problem_kind"] for step in steps} == {None}
        assert [len(lab.received(target)) for target in (FIRST_OF_ALL, SECOND, THIRD)] == [1, 1, 1]
        for target in CHAIN:
            row = await lab.caller.row(target)
            assert (row.state, row.attempts, row.success_rate) == (TARGET_STATE_READY, 1, 1.0)


async def test_a_drill_finds_the_target_that_would_not_answer(open_lab: Open) -> None:
    """A fallback that has been dead for weeks is found before it is needed; the table remembers it."""
    async with drilling(open_lab) as lab:
        lab.simulated.set_behaviour(SECOND.backend, lab.behaviour(Fault("401", message="this key was revoked")))
        ran = await run(lab, "drill", "fast", "--yes")
        assert ran.code == 1
        assert "fast does not hold" in ran.out
        assert f"{SECOND.name} failed: auth (401)" in ran.out
        assert f"{THIRD.name} answered" in ran.out
        for command in ("table", "stats"):
            shown = await run(lab, command)
            assert "drill fast does not hold" in shown.out
            assert "auth (401)" in shown.out
            assert "this key was revoked" not in ran.out + shown.out  # a provider may quote the prompt


async def test_a_chain_of_one_has_nothing_to_fall_back_to(open_lab: Open) -> None:
    """That fails a drill of this alias; a drill of all tells it and goes by the chains that can hold."""
    async with drilling(open_lab) as lab:
        named = await run(lab, "drill", "solo", "--yes")
        every = await run(lab, "drill", "--yes")
        for ran in (named, every):
            assert f"nobody answers when {SECOND.name} fails: there is no other target" in ran.out
            assert "solo has nothing to fall back to" in ran.out
        assert (named.code, every.code) == (1, 0)
        assert "fast holds" in every.out
        assert "drill solo" not in (await run(lab, "table")).out


async def test_a_prompt_that_does_not_suit_is_no_fault_of_the_chain(open_lab: Open) -> None:
    """A prompt above a target's clearance is not sent there: the drill says so, and is no failure."""
    async with open_lab(
        FIRST_OF_ALL, PUBLIC_ONLY, THIRD, aliases={"fast": [FIRST_OF_ALL.name, PUBLIC_ONLY.name]}
    ) as lab:
        ran = await run(lab, "drill", "fast", "--yes")
        assert ran.code == 0, ran.out
        assert f"{PUBLIC_ONLY.name} was not asked, as the prompt does not suit it: clearance" in ran.out
        assert "fast was drilled in part: the prompt does not suit every target" in ran.out
        told = await run(lab, "drill", "fast", "--yes", "--json")
        assert (told.code, told.json["holds"]) == (0, True)
        assert {step["problem_kind"] for step in told.json["steps"]} == {None, "prompt_unsuited"}


async def test_the_cost_comes_first(open_lab: Open) -> None:
    """Without --yes and without somebody to ask, nothing is sent; the expected cost is told."""
    async with drilling(open_lab) as lab:
        ran = await run(lab, "drill", "fast")
        assert ran.code == 1
        assert "sends 3 prompts, about $0." in ran.err
        assert "--yes" in ran.err
        assert lab.received(FIRST_OF_ALL) == []


async def test_an_unknown_alias_is_refused(open_lab: Open) -> None:
    """With the nearest name."""
    async with drilling(open_lab) as lab:
        ran = await run(lab, "drill", "fats", "--yes")
        assert ran.code == 1
        assert 'Did you mean "fast"?' in ran.err


async def test_without_aliases_the_default_route_is_drilled(open_lab: Open) -> None:
    """What calls get that name no model is a chain, too."""
    async with drilling(open_lab, aliases={}) as lab:
        ran = await run(lab, "drill", "--yes", "--json")
        assert [step["answered_by"] for step in ran.json["steps"]] == CHAIN


VECTORS = {"mode": "embedding"}
EMBEDDER = Target("openai", "text-embedding-3-small", model_section=VECTORS)
SAME_ELSEWHERE = Target("groq", "text-embedding-3-small", model_section=VECTORS)
OTHER_MODEL = Target("ollama", "nomic-embed-text", kind="ollama", model_section=VECTORS)
TALKER = Target("mistral", "mistral-large-latest")


@pytest.fixture
async def embedders(tmp_path: Path) -> AsyncIterator[Lab]:
    """One embedding model at two providers, another model, and a chat model."""
    targets = (EMBEDDER, SAME_ELSEWHERE, OTHER_MODEL, TALKER)
    aliases = {
        "vectors": [EMBEDDER.name, SAME_ELSEWHERE.name],
        "apart": [EMBEDDER.name, OTHER_MODEL.name],
        "both": [EMBEDDER.name, SAME_ELSEWHERE.name, TALKER.name],
    }
    specs = [ProviderSpec(target.backend, models=(target.model,)) for target in targets]
    async with SimulatedProviders(specs) as simulated, fault_lab(tmp_path, simulated, *targets, aliases=aliases) as lab:
        yield lab


async def test_embeddings_are_drilled_with_embeddings(embedders: Lab) -> None:
    """An alias of embedding models gets texts to embed, and its chain holds where another provider has the model."""
    ran = await run(embedders, "drill", "vectors", "--yes", "--json")
    assert ran.code == 0, ran.out
    assert [step["answered_by"] for step in ran.json["steps"]] == [EMBEDDER.name, SAME_ELSEWHERE.name]
    for target in (EMBEDDER, SAME_ELSEWHERE):
        assert [request.path for request in embedders.received(target)] == ["/v1/embeddings"]


async def test_another_embedding_model_is_no_fallback(embedders: Lab) -> None:
    """Vectors of two models cannot be compared: the drill says that nobody stands in, and why."""
    ran = await run(embedders, "drill", "apart", "--yes")
    assert ran.code == 1
    assert f"nobody answers when {EMBEDDER.name} fails" in ran.out
    why = f"its vectors cannot be compared with those of {EMBEDDER.name}"
    assert f"{OTHER_MODEL.name} is no fallback: {why}" in ran.out


async def test_an_alias_for_both_uses_is_drilled_for_both(embedders: Lab) -> None:
    """Its chat models get a prompt, its embedding models a text; none is blamed for what it is not for."""
    ran = await run(embedders, "drill", "both", "--yes", "--json")
    steps = ran.json["steps"]
    answers = [step["answered_by"] for step in steps if step["answered_by"]]
    assert answers == [TALKER.name, EMBEDDER.name, SAME_ELSEWHERE.name]
    problems = [step["problem"] for step in steps if step["problem"]]
    assert problems == [f"nobody answers when {TALKER.name} fails: there is no other target"]


async def test_regular_drills_outlive_the_router(simulated: SimulatedProviders, tmp_path: Path) -> None:
    """With --every each drill prints one line of JSON with its time; while the router is away it says so, and when that
    is back the drills go on."""
    content = configuration((FIRST_OF_ALL, SECOND), simulated, aliases={"fast": CHAIN[:2]})
    async with deployment(write_configuration(tmp_path, content)) as running:
        router = await running.router()
        for target in (FIRST_OF_ALL, SECOND):
            await running.worker(target.backend)
        await attached(await running.caller(), 2)
        arguments = ["drill", "fast", "--yes", "--json", "--every", "100ms", "--router", running.address]
        async with started(*arguments) as (process, lines):
            drills = (json.loads(line) async for line in lines)
            first = await anext(drills)
            assert first["holds"]
            assert datetime.fromisoformat(first["drilled_at"]).tzinfo is not None
            router.send(signal.SIGKILL)
            await until_drilled(drills, lambda drill: drill.get("error", {}).get("kind") == "Unavailable")
            await running.router(int(running.address.rpartition(":")[2]))
            await until_drilled(drills, lambda drill: drill.get("holds", False))
            process.send_signal(signal.SIGINT)
            async with asyncio.timeout(30):
                assert await process.wait() == 0


async def until_drilled(drills: AsyncIterator[Any], wanted: Callable[[Any], bool]) -> None:
    """Read drills until there is such a one."""
    async with asyncio.timeout(30):
        async for drill in drills:
            if wanted(drill):
                return


@pytest.mark.parametrize("as_json", [False, True])
async def test_a_model_is_pulled(open_lab: Open, as_json: bool) -> None:
    """The local server fetches it, and the command says how far it has come."""
    server = type(LOCAL)(LOCAL.backend, LOCAL.model, LOCAL.kind, {"pull": True, "discover": True})
    async with open_lab(server, SECOND) as lab:
        ran = await run(lab, "model", "pull", "ollama/qwen3:0.6b", *(["--json"] if as_json else []))
        assert ran.code == 0, ran.err
        assert "qwen3" in ran.out
        assert lab.simulated.provider("ollama").catalogue.find("qwen3:0.6b") is not None


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("openai/gpt-4o", "only an Ollama backend can fetch models"),
        ("ollama/qwen3:0.6b", "set backends.ollama.pull: true"),
        ("olama/qwen3:0.6b", 'Did you mean "ollama"?'),
    ],
)
async def test_a_pull_that_cannot_be_says_why(open_lab: Open, target: str, said: str) -> None:
    """Another kind of backend, one that may not fetch, one that does not exist."""
    async with open_lab(FIRST, LOCAL) as lab:
        ran = await run(lab, "model", "pull", target)
        assert ran.code == 1
        assert said in ran.err
