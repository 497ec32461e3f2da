"""Keys in the environment or `.env` become backends whose workers start and answer; all addresses are overridden."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path

import pytest

from provider_workers.simulated import Behaviour, ProviderSpec, SimulatedProviders
from tests.support.command_line import trunkline
from tests.support.up_process import up_process

pytestmark = pytest.mark.timeout(240)

LITELLM_LOADS = 90.0
KEY = "key-of-{}-1234567890"
OPENAI_WIRE = ("openai", "groq", "mistral", "deepseek", "openrouter")
LITELLM = ("anthropic", "gemini")
AZURE = "azure"
"""OpenAI's wire, but for the addresses and the header of the key."""


def key(provider: str) -> str:
    """The only key that a provider takes."""
    return KEY.format(provider)


@pytest.fixture
async def simulated() -> AsyncIterator[SimulatedProviders]:
    """Each provider on its own wire, opened by its own key alone, with whatever model is asked of it."""
    names = (*OPENAI_WIRE, *LITELLM, AZURE)
    specs = [
        ProviderSpec(
            name,
            models=MODELS[name],
            behaviour=Behaviour(api_key=key(name), answer_tokens=5),
        )
        for name in names
    ]
    async with SimulatedProviders(specs) as providers:
        yield providers


MODELS = {
    "openai": ("gpt-4o-mini",),
    "groq": ("openai/gpt-oss-20b",),
    "mistral": ("mistral-small-latest",),
    "deepseek": ("deepseek-v4-flash",),
    "openrouter": ("openai/gpt-4o-mini",),
    "anthropic": ("claude-haiku-4-5",),
    "gemini": ("gemini-2.5-flash",),
    AZURE: ("gpt-4o-mini",),
}


@asynccontextmanager
async def running(folder: Path, environment: Mapping[str, str]) -> AsyncIterator[str]:
    """A `trunkline up`; its address. It is waited for in a thread: the providers are here."""
    with ExitStack() as stack:
        up = up_process(folder, more=environment)
        yield await asyncio.to_thread(stack.enter_context, up)
        await asyncio.to_thread(stack.close)


async def states_of(address: str) -> dict[str, tuple[str, str]]:
    """State and reason by target once every worker is attached: litellm takes seconds to load."""
    async with asyncio.timeout(LITELLM_LOADS):
        while True:
            rows = (await trunkline("table", "--json", "--router", address)).json
            if all(row["state"] != "detached" for row in rows):
                return {row["target"]: (row["state"], row["state_reason"]) for row in rows}


def logged(folder: Path) -> str:
    """What `up` showed and its processes logged."""
    return "".join(file.read_text() for file in (folder / "up.screen", *folder.glob("*/*.log")))


async def test_every_key_becomes_a_backend_that_answers(simulated: SimulatedProviders, tmp_path: Path) -> None:
    """Half of the keys stand in the environment, half in `.env`; each backend answers with its own key."""
    variables = {}
    for name in (*OPENAI_WIRE, *LITELLM):
        variables[f"{name.upper()}_API_KEY"] = key(name)
        variables[f"{name.upper()}_BASE_URL"] = simulated.base_url(name)
    variables |= {"AZURE_API_KEY": key(AZURE), "AZURE_API_BASE": simulated.base_url(AZURE).removesuffix("/v1")}
    variables |= {"AZURE_API_VERSION": "2024-10-21"}
    variables |= {"COHERE_API_KEY": key("cohere"), "COHERE_BASE_URL": "http://127.0.0.1:9"}
    environment = dict(list(variables.items())[::2])
    lines = [f"{name}={value}" for name, value in variables.items() if name not in environment]
    (tmp_path / ".env").write_text("\n".join(lines), encoding="utf-8")
    async with running(tmp_path, environment) as address:
        states = await states_of(address)
        assert {target.partition("/")[0] for target in states} == {*MODELS, "cohere"}
        for name, (model,) in MODELS.items():
            target = f"{name}/{model}"
            assert states[target] == ("ready", "")
            ran = await trunkline("chat", "hello", "--model", target, "--json", "--router", address)
            assert ran.code == 0, ran.err
            assert ran.json["target"] == target
        said = logged(tmp_path)
        assert "attached" in said
        assert not [name for name in MODELS if key(name) in said]


async def test_a_backend_behind_litellm_without_a_key_says_so(tmp_path: Path) -> None:
    """A file that names the provider and forgets the key is told which line to write; nothing is sent."""
    file = tmp_path / "trunkline.yaml"
    file.write_text("backends:\n  anthropic: {kind: litellm}\nmodels:\n  anthropic/claude-haiku-4-5: {quality: 0.5}\n")
    with up_process(tmp_path, arguments=("--config", str(file))) as address:
        [(state, reason)] = (await states_of(address)).values()
        assert state == "not_configured"
        assert "api_key: ${ANTHROPIC_API_KEY}" in reason
