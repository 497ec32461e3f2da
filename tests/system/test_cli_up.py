"""`trunkline up` for real: router, workers and simulated providers as processes."""

import asyncio
import os
import re
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest

from tests.support.command_line import COMMAND, clean_environment, trunkline
from tests.support.web_server import nothing_but_404

pytestmark = pytest.mark.timeout(90)


class RunningUp:
    """A `trunkline up` whose output is read as it comes."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.text = ""
        self._reading = asyncio.create_task(self._read())

    @property
    def address(self) -> str:
        """Where the router is."""
        found = re.search(r"Trunkline is up at (\S+)", self.text)
        assert found is not None
        return found.group(1)

    def children(self, marker: str = "") -> list[psutil.Process]:
        """The processes that it started whose command holds `marker`."""
        own = psutil.Process(self.process.pid).children(recursive=True)
        return [child for child in own if marker in " ".join(child.cmdline())]

    async def says(self, pattern: str, seconds: float = 20.0) -> None:
        """Wait until the screen shows `pattern`."""
        try:
            async with asyncio.timeout(seconds):
                while not re.search(pattern, self.text):
                    assert not self._reading.done(), f"it ended before {pattern!r}; the screen:\n{self.text}"
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise AssertionError(f"{pattern!r} never came; the screen:\n{self.text}") from None

    async def end(self) -> int:
        """Wait for its end; the exit code."""
        code = await asyncio.wait_for(self.process.wait(), 30)
        await self._reading
        return code

    async def _read(self) -> None:
        assert self.process.stdout is not None
        while chunk := await self.process.stdout.read(65_536):
            self.text += chunk.decode("utf-8", "replace")


@asynccontextmanager
async def running_up(
    *arguments: str, folder: Path, more: dict[str, str] | None = None, ready: str = "Ctrl-C ends it"
) -> AsyncIterator[RunningUp]:
    """`trunkline up` in `folder`, on a free port, shown as up; ended afterwards."""
    environment = {**clean_environment(more), "TMPDIR": str(folder)}
    process = await asyncio.create_subprocess_exec(
        *COMMAND,
        "up",
        "--listen",
        "127.0.0.1:0",
        *arguments,
        cwd=folder,
        env=environment,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    up = RunningUp(process)
    try:
        await up.says(ready)
        yield up
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGINT)
            await up.end()


def all_logs(folder: Path) -> str:
    """What the processes of the `up` in `folder` logged."""
    return "".join(log.read_text() for log in folder.glob("trunkline-*/*.log"))


def gone(processes: list[psutil.Process]) -> bool:
    """Whether none of them runs any more."""
    return not psutil.wait_procs(processes, timeout=5)[1]


async def test_up_without_keys_answers_through_simulated_providers(tmp_path: Path) -> None:
    """Nothing is configured: simulated providers stand in, say so, and answer; Ctrl-C ends all with 0."""
    async with running_up("--first-prompt", folder=tmp_path) as up:
        assert "Simulated providers stand in" in up.text
        assert "A simulated provider made this answer up" in up.text
        assert "profile balanced" in up.text
        assert re.search(r"answered +first token", up.text)
        table = (await trunkline("table", "--json", "--router", up.address)).json
        assert {row["target"].partition("/")[0] for row in table} == {"openai", "groq", "ollama"}
        assert all(row["simulated"] for row in table)
        answer = (await trunkline("chat", "--json", "hello", "--router", up.address)).json
        assert answer["simulated"]
        assert answer["text"].startswith("[simulated ")
        children = up.children()
        assert len(children) == 5
        up.process.send_signal(signal.SIGINT)
        assert await up.end() == 0
        assert gone(children)
    assert not os.listdir(tmp_path), "a clean end leaves no run directory"


async def test_a_killed_worker_is_started_again(tmp_path: Path) -> None:
    """The screen says that it died and that it runs again; the target serves again."""
    async with running_up(folder=tmp_path) as up:
        up.children("--backend groq")[0].kill()
        await up.says(r"\[worker groq\] was ended by signal 9")
        await up.says(r"\[worker groq\] started again")
        async with asyncio.timeout(15):
            while True:
                rows = (await trunkline("table", "--json", "--router", up.address)).json
                if all(row["state"] == "ready" for row in rows):
                    break


async def test_a_killed_router_is_started_again(tmp_path: Path) -> None:
    """Workers attach to the new one and calls are answered; the screen has one line of what all workers say."""
    async with running_up(folder=tmp_path) as up:
        up.children("router_service serve")[0].kill()
        await up.says(r"\[router\] started again")
        await up.says(r"\[workers groq, ollama, openai\] lost the router")
        async with asyncio.timeout(15):
            while (await trunkline("chat", "hello", "--router", up.address)).code != 0:
                pass
        assert not re.search(r"\[worker ", up.text)


async def test_nothing_is_left_behind_when_up_is_killed(tmp_path: Path) -> None:
    """SIGKILL leaves `up` no time; its children end by themselves."""
    async with running_up(folder=tmp_path) as up:
        children = up.children()
        up.process.kill()
        await up.end()
        assert gone(children)


async def test_each_worker_has_its_own_key_alone(tmp_path: Path) -> None:
    """Two backends with keys: neither worker knows the other's, the router knows none, nor do they reach a log.

    They share the token, by the name that the configuration gives it.
    """
    (tmp_path / "trunkline.yaml").write_text(
        "router: {worker_token: '${FLEET_SECRET}'}\n"
        "backends:\n"
        "  first: {kind: openai_wire, provider: openai, base_url: 'http://127.0.0.1:9', api_key: '${FIRST_API_KEY}'}\n"
        "  second: {kind: openai_wire, provider: openai, base_url: 'http://127.0.0.1:9',api_key: '${SECOND_API_KEY}'}\n"
        "models:\n"
        "  first/gpt-4o-mini: {quality: 0.7}\n"
        "  second/gpt-4o: {quality: 0.5}\n"
    )
    (tmp_path / ".env").write_text("SECOND_API_KEY=key-of-the-second\nFLEET_SECRET=token-of-all\n")
    more = {"FIRST_API_KEY": "key-of-the-first", "UNRELATED_API_KEY": "key-of-nobody"}
    async with running_up("--config", str(tmp_path / "trunkline.yaml"), folder=tmp_path, more=more) as up:
        token = "token-of-all"
        keys = {"key-of-the-first", "key-of-the-second", "key-of-nobody", token}
        first = set(up.children("--backend first")[0].environ().values()) & keys
        second = set(up.children("--backend second")[0].environ().values()) & keys
        router = set(up.children("router_service serve")[0].environ().values()) & keys
        assert (first, second, router) == ({"key-of-the-first", token}, {"key-of-the-second", token}, {token})
        logs = all_logs(tmp_path)
        assert "attached" in logs
        assert not [key for key in keys if key in logs + up.text]


async def test_a_missing_key_is_shown_as_not_configured(tmp_path: Path) -> None:
    """The backend is there, the screen says which variable to set, and nothing else suffers."""
    (tmp_path / "trunkline.yaml").write_text(
        "backends:\n"
        "  openai: {kind: openai_wire, api_key: '${MISSING_API_KEY}', base_url: 'http://127.0.0.1:9/v1'}\n"
        "models:\n"
        "  openai/gpt-4o-mini: {quality: 0.7}\n"
    )
    async with running_up("--config", str(tmp_path / "trunkline.yaml"), folder=tmp_path) as up:
        assert re.search(r"openai +not configured +.*MISSING_API_KEY", up.text)
        rows = (await trunkline("table", "--json", "--router", up.address)).json
        assert [row["state"] for row in rows] == ["not_configured"]


async def test_a_provider_that_is_none_is_doubted_on_the_screen(tmp_path: Path) -> None:
    """A base URL that leads to a plain web server: ready, as nobody refused anything, with the doubt below."""
    async with nothing_but_404() as nowhere:
        more = {"OPENAI_API_KEY": "sk-123456789", "OPENAI_BASE_URL": nowhere, "OLLAMA_BASE_URL": "http://127.0.0.1:9"}
        async with running_up(folder=tmp_path, more=more) as up:
            assert re.search(r"openai +ready +gpt-[^\n]*\n +the provider lists no models", up.text), up.text


async def test_a_configuration_with_mistakes_starts_nothing(tmp_path: Path) -> None:
    """Every mistake with its line; exit code 1."""
    file = tmp_path / "trunkline.yaml"
    file.write_text("backends:\n  openai: {kind: openai_wire, api_kye: x}\nprofils: {}\n")
    ran = await trunkline("up", "--config", str(file), "--listen", "127.0.0.1:0")
    assert ran.code == 1
    assert "trunkline.yaml:2" in ran.err
    assert "trunkline.yaml:3" in ran.err
    checked = await trunkline("config", "check", str(file))
    assert checked.code == 1
    assert 'Did you mean "profiles"' in checked.out + checked.err


async def test_a_taken_port_says_what_to_do() -> None:
    """Nothing is started, and the message names the way out."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        ran = await trunkline("up", "--listen", address)
    assert ran.code == 1
    assert f"{address} is taken" in ran.err
    assert "--listen" in ran.err


async def test_second_ctrl_c_ends_at_once(tmp_path: Path) -> None:
    """A drain that hangs need not be waited for."""
    async with running_up(folder=tmp_path) as up:
        children = up.children()
        os.kill(up.children("router_service serve")[0].pid, signal.SIGSTOP)
        up.process.send_signal(signal.SIGINT)
        await up.says("ending")
        up.process.send_signal(signal.SIGINT)
        await up.end()
        assert gone(children)


async def test_restarted_simulated_providers_keep_their_addresses(tmp_path: Path) -> None:
    """The configuration names their ports, so they must be where they were."""
    async with running_up(folder=tmp_path) as up:
        up.children("provider_workers.simulated")[0].kill()
        await up.says(r"\[simulated providers\] started again")
        async with asyncio.timeout(15):
            while (await trunkline("chat", "hello", "--router", up.address)).code != 0:
                pass
