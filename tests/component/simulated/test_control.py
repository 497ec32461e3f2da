"""The control port and the command line, as another process uses them."""

import asyncio
import json
import os
import pty
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from tests.component.simulated.raw_http import RawResponse, post, send

BODY = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "hi"}]}


@dataclass(frozen=True, slots=True)
class Running:
    """A simulation in a process of its own."""

    process: asyncio.subprocess.Process
    started: dict[str, Any]

    def url(self, provider: str) -> str:
        """The provider's base URL."""
        return str(self.started["providers"][provider]["base_url"])

    async def control(self, method: str, path: str, body: Any = None) -> RawResponse:
        """A request to the control port."""
        data = b"" if body is None else json.dumps(body).encode()
        return await send(method, self.started["control_url"] + path, data)


@asynccontextmanager
async def running(*arguments: str) -> AsyncIterator[Running]:
    """Start `python -m provider_workers.simulated` and read its one line."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "provider_workers.simulated", *arguments, stdin=pipe, stdout=pipe, stderr=pipe
    )
    try:
        assert process.stdout is not None
        line = await asyncio.wait_for(process.stdout.readline(), 20)
        yield Running(process, json.loads(line))
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def test_the_line_at_the_start_and_the_end_by_signal() -> None:
    """One JSON line names every provider; options reach them; SIGTERM ends with status 0."""
    arguments = ["--provider", "openai", "--provider", "groq:openai", "--provider", "ollama"]
    more = ["--model", "openai=my-model", "--fault", "openai=503,times=1", "--tokens", "7", "--key", "groq=right"]
    async with running(*arguments, *more) as sim:
        wires = {name: one["wire"] for name, one in sim.started["providers"].items()}
        assert wires == {"openai": "openai", "groq": "openai", "ollama": "ollama"}
        url = f"{sim.url('openai')}/chat/completions"
        answers = [await post(url, {**BODY, "model": "my-model"}) for _ in range(2)]
        assert [answer.status for answer in answers] == [503, 200]
        assert answers[1].json()["usage"]["completion_tokens"] == 7
        assert (await post(f"{sim.url('groq')}/chat/completions", BODY)).status == 401
        sim.process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(sim.process.wait(), 5) == 0


async def test_a_terminal_gets_a_table() -> None:
    """On a terminal people read a table that says what is simulated."""
    ours, theirs = pty.openpty()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "provider_workers.simulated", "--provider", "anthropic", stdout=theirs
    )
    os.close(theirs)
    try:
        text = b""
        async with asyncio.timeout(20):
            while b"Ctrl-C" not in text:
                text += await asyncio.to_thread(os.read, ours, 4096)
    finally:
        process.send_signal(signal.SIGINT)
        status = await asyncio.wait_for(process.wait(), 5)
        os.close(ours)
    assert status == 0
    assert b"Simulated providers" in text
    assert b"claude-haiku-4-5" in text


async def test_it_ends_with_its_parent() -> None:
    """With --exit-with-parent a closed standard input ends it, even in the middle of a stalled answer."""
    async with running("--provider", "openai", "--fault", "stall", "--exit-with-parent") as sim:
        url = f"{sim.url('openai')}/chat/completions"
        pending = asyncio.create_task(post(url, {**BODY, "stream": True}))
        await asyncio.sleep(0.2)
        assert sim.process.stdin is not None
        sim.process.stdin.close()
        assert await asyncio.wait_for(sim.process.wait(), 5) == 0
        assert (await pending).ending in ("eof", "reset")


async def test_behaviour_queue_and_records_over_http() -> None:
    """Set, read, queue and reset behaviours; read and clear what was recorded; mistakes are answered with 400."""
    async with running("--provider", "openai", "--bodies") as sim:
        url, path = f"{sim.url('openai')}/chat/completions", "/providers/openai/behaviour"
        assert (await sim.control("PUT", path, {"answer_tokens": 5, "fault": "429"})).status == 200
        shown = (await sim.control("GET", path)).json()
        assert (shown["behaviour"]["answer_tokens"], shown["behaviour"]["faults"]) == (5, [{"fault": "429"}])
        assert (await post(url, BODY)).status == 429
        assert (await sim.control("DELETE", path)).json()["behaviour"]["faults"] == []
        queued = await sim.control("POST", path, [{"fault": "500"}, {"answer_tokens": 2}])
        assert queued.json() == {"queued": 2}
        answers = [await post(url, BODY) for _ in range(3)]
        assert [answer.status for answer in answers] == [500, 200, 200]
        assert answers[1].json()["usage"]["completion_tokens"] == 2
        records = (await sim.control("GET", "/requests?provider=openai")).json()
        assert [record["outcome"] for record in records] == ["fault:429", "fault:500", "completed", "completed"]
        assert [record["body"] for record in records] == [BODY] * 4
        assert (await sim.control("GET", "/counts")).json()["openai"]["received"] == 4
        await sim.control("DELETE", "/requests")
        assert (await sim.control("GET", "/requests")).json() == []
        for method, wrong, body in (
            ("PUT", path, {"fault": "stal"}),
            ("POST", path, [1]),
            ("GET", "/providers/opnai/behaviour", None),
            ("GET", "/requests?provider=opnai", None),
        ):
            refused = await sim.control(method, wrong, body)
            assert (refused.status, list(refused.json())) == (400, ["error"])
        assert (await sim.control("GET", "/nothing")).status == 404
        assert "stall" in (await sim.control("GET", "/faults")).json()


async def test_behaviour_by_header() -> None:
    """A request asks for its own behaviour by header, too; a mistake in it is a 400 that says so."""
    async with running("--provider", "openai") as sim:
        url = f"{sim.url('openai')}/chat/completions"
        assert (await post(url, BODY, headers={"x-trunkline-sim": '{"fault": "529"}'})).status == 529
        wrong = await post(url, BODY, headers={"x-trunkline-sim": "{"})
        assert (wrong.status, wrong.json()["error"]["param"]) == (400, "trunkline_sim")
        assert (await post(url, BODY)).status == 200


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--provider", "openai", "--fault", "opnai=503"], 'Did you mean "openai"?'),
        (["--fault", "openai=stal"], 'Did you mean "stall"?'),
        (["--provider", "openai:opnai"], "no wire named"),
        (["--provider", "openai", "--provider", "openai"], "same name"),
        (["--listen", "nowhere"], "is not HOST:PORT"),
        (["--latency", "openai=slow"], "is not a number"),
        (["--model", "gpt-4o"], "is not PROVIDER=MODEL"),
        (["--behaviour", "openai={"], "not JSON"),
    ],
)
async def test_mistakes_on_the_command_line(arguments: list[str], words: str) -> None:
    """Status 2 and a line that says what is wrong."""
    status, error = await _run(*arguments)
    assert status == 2
    assert words in error


async def test_port_in_use() -> None:
    """Status 1 and a line that names the address."""
    async with running("--provider", "openai") as sim:
        address = sim.url("openai").removeprefix("http://").removesuffix("/v1")
        status, error = await _run("--provider", f"openai={address}")
    assert status == 1
    assert f"cannot listen on {address}" in error


async def _run(*arguments: str) -> tuple[int | None, str]:
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "provider_workers.simulated", *arguments, stdout=pipe, stderr=pipe
    )
    _, error = await asyncio.wait_for(process.communicate(), 20)
    return process.returncode, error.decode()
