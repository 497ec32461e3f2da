"""`trunkline up` where nothing outside can be reached, and where nothing outside is to be asked."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.command_line import COMMAND, clean_environment
from tests.support.no_network import no_network, outside, recorded
from tests.support.up_process import up_process

pytestmark = pytest.mark.timeout(120)

FILE = """
offline: true
backends:
  openai: {{kind: openai_wire, api_key: "${{OPENAI_API_KEY}}"}}
  anthropic: {{kind: litellm, api_key: "${{ANTHROPIC_API_KEY}}"}}
  ollama: {{kind: ollama, base_url: "{ollama}", discover: true}}
models:
  openai/gpt-4o-mini: {{quality: 0.9}}
  anthropic/claude-haiku-4-5: {{quality: 0.9}}
  ollama/llama3.1: {{quality: 0.5}}
"""
KEYS = {"OPENAI_API_KEY": "sk-nobody-1234567890", "ANTHROPIC_API_KEY": "sk-ant-nobody-1234567890"}
PROXY = {"HTTPS_PROXY": "http://192.0.2.1:3128", "HTTP_PROXY": "http://192.0.2.1:3128"}
"""A proxy would be a way outside, too."""


@asynccontextmanager
async def ollama(prefix: Sequence[str]) -> AsyncIterator[str]:
    """The base URL of a simulated Ollama, started by `prefix`."""
    command = [*prefix, sys.executable, "-m", "provider_workers.simulated", "--provider", "ollama", "--json"]
    process = await asyncio.create_subprocess_exec(
        *command,
        "--exit-with-parent",
        env=clean_environment(),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(20):
            yield json.loads(await process.stdout.readline())["providers"]["ollama"]["base_url"]
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


@contextmanager
def up(prefix: Sequence[str], folder: Path, *arguments: str, environment: Mapping[str, str]) -> Iterator["Asking"]:
    """A `trunkline up` started by `prefix`."""
    with up_process(folder, [*prefix, *COMMAND], environment, arguments) as address:
        yield Asking(tuple(prefix[:6]), address)


class Asking:
    """Commands against one router, from where it is."""

    def __init__(self, prefix: Sequence[str], address: str) -> None:
        self._prefix = prefix
        self._address = address

    async def json(self, *arguments: str) -> Any:
        """What a command prints as JSON; it succeeds."""
        process = await asyncio.create_subprocess_exec(
            *self._prefix,
            *COMMAND,
            *arguments,
            "--json",
            "--router",
            self._address,
            env=clean_environment(),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        async with asyncio.timeout(30):
            out, error = await process.communicate()
        assert process.returncode == 0, error.decode()
        return json.loads(out)

    async def states(self) -> dict[str, tuple[str, str]]:
        """State and reason by target."""
        return {row["target"]: (row["state"], row["state_reason"]) for row in await self.json("table")}

    async def attached(self) -> dict[str, tuple[str, str]]:
        """The same once every worker is attached, for which the screen does not wait where one is slow to load."""
        async with asyncio.timeout(60):
            while True:
                states = await self.states()
                if all(state != "detached" for state, _ in states.values()):
                    return states
                await asyncio.sleep(0.2)


async def test_without_any_network_what_is_near_answers(tmp_path: Path) -> None:
    """Keys are found and an Ollama answers, but there is no network: it serves, and the others say why they do not."""
    async with no_network() as prefix, ollama(prefix) as base_url:
        environment = {"OPENAI_API_KEY": KEYS["OPENAI_API_KEY"], "OLLAMA_BASE_URL": base_url}
        with up(prefix, tmp_path, environment=environment) as router:
            states = await router.states()
            assert states["ollama/llama3.1"][0] == "ready"
            state, reason = states["openai/gpt-4o-mini"]
            assert state == "out"
            assert "api.openai.com" in reason
            assert (await router.json("chat", "hello"))["target"].startswith("ollama/")


async def test_offline_nothing_outside_is_asked(tmp_path: Path) -> None:
    """With `offline: true` no process looks a name up or connects beyond this host, whatever else is configured."""
    async with no_network() as prefix, ollama(prefix) as base_url:
        file = tmp_path / "trunkline.yaml"
        file.write_text(FILE.format(ollama=base_url), encoding="utf-8")
        connections = tmp_path / "connections"
        traced = [*prefix, *recorded(connections)]
        with up(traced, tmp_path, "--config", str(file), environment={**KEYS, **PROXY}) as router:
            states = await router.attached()
            assert states["ollama/llama3.1"][0] == "ready"
            for target in ("openai/gpt-4o-mini", "anthropic/claude-haiku-4-5"):
                state, reason = states[target]
                assert state == "disabled"
                assert "offline" in reason
            assert (await router.json("chat", "hello"))["target"] == "ollama/llama3.1"
            decision = await router.json("route", "hello")
            assert {r["target"] for r in decision["rejected"] if "offline" in r["reason"]} == {
                "openai/gpt-4o-mini",
                "anthropic/claude-haiku-4-5",
            }
        assert outside(connections) == []


async def test_offline_by_the_environment_alone(tmp_path: Path) -> None:
    """TRUNKLINE_OFFLINE leaves the keys that are found aside, so that only what is near is configured."""
    async with no_network() as prefix, ollama(prefix) as base_url:
        environment = {**KEYS, "TRUNKLINE_OFFLINE": "1", "OLLAMA_BASE_URL": base_url}
        with up(prefix, tmp_path, environment=environment) as router:
            assert {target.partition("/")[0] for target in await router.states()} == {"ollama"}
            assert (await router.json("chat", "hello"))["target"].startswith("ollama/")
