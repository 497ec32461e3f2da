"""Fallback drills and pulls, from the command line to the providers."""

from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest

from provider_workers.simulated import Fault
from tests.support.command_line import Ran, trunkline
from tests.support.configurations import FIRST, LOCAL, SECOND, THIRD
from tests.support.fault_lab import KINDS, Lab
from tests.system.faults.conftest import Open
from trunkline.types.v1.target_pb2 import TARGET_STATE_READY

FIRST_OF_ALL = KINDS["openai_wire"]
CHAIN = [FIRST_OF_ALL.name, SECOND.name, THIRD.name]
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
        assert all(float(step["cost_usd"]) > 0 for step in steps)
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
        assert f"{SECOND.name} failed: auth (401): this key was revoked" in ran.out
        assert f"{THIRD.name} answered" in ran.out
        table = await run(lab, "table")
        assert "drill fast does not hold" in table.out
        assert "this key was revoked" in table.out


async def test_a_chain_of_one_does_not_hold(open_lab: Open) -> None:
    """Nobody answers when the only target fails: that is what a drill is for."""
    async with drilling(open_lab) as lab:
        ran = await run(lab, "drill", "solo", "--yes")
        assert ran.code == 1
        assert f"nobody answers when {SECOND.name} fails" in ran.out


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
        assert 'did you mean "fast"?' in ran.err


async def test_without_aliases_the_default_route_is_drilled(open_lab: Open) -> None:
    """What calls get that name no model is a chain, too."""
    async with drilling(open_lab, aliases={}) as lab:
        ran = await run(lab, "drill", "--yes", "--json")
        assert [step["answered_by"] for step in ran.json["steps"]] == CHAIN


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
        ("olama/qwen3:0.6b", 'did you mean "ollama"?'),
    ],
)
async def test_a_pull_that_cannot_be_says_why(open_lab: Open, target: str, said: str) -> None:
    """Another kind of backend, one that may not fetch, one that does not exist."""
    async with open_lab(FIRST, LOCAL) as lab:
        ran = await run(lab, "model", "pull", target)
        assert ran.code == 1
        assert said in ran.err
