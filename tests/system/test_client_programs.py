"""The example programs in Go, TypeScript and Java, grpcurl, and what docs/clients.md shows: run for real."""

import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.support.client_programs import GO, JAVA, PROGRAMS, ROOT, ClientProgram, require_tool
from tests.support.command_line import clean_environment
from tests.support.components import find_component
from tests.support.scripted_router import Script, ScriptedRouter, completed
from tests.support.up_process import up_process
from trunkline.router.v1 import router_service_pb2 as router_pb2

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]  # a first build downloads what it needs

DOCUMENT = ROOT / "docs" / "clients.md"
DOCUMENTED_ADDRESS = "127.0.0.1:50051"
ATTEMPT = re.compile(r"^  attempt (\d+) \((?:ATTEMPT_KIND_)?(\w+)\) (\S+): (?:FAILURE_CLASS_)?(\w+), \S", re.MULTILINE)


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a real router with simulated providers."""
    with up_process(tmp_path_factory.mktemp("up")) as running:
        yield running


@pytest.fixture(scope="module", params=PROGRAMS, ids=lambda program: program.language)
def program(request: pytest.FixtureRequest) -> ClientProgram:
    """Each program, built."""
    chosen: ClientProgram = request.param
    chosen.build()
    return chosen


@pytest.fixture
async def scripted() -> AsyncIterator[ScriptedRouter]:
    """A router that decides and answers as it is told."""
    *events, last = completed("Hello")
    decision = events[0].decision
    script = Script(
        {
            "Route": router_pb2.RouteResponse(decision=decision),
            "Complete": router_pb2.CompleteResponse(text="Hello", completed=last.completed, decision=decision),
            "StreamComplete": events,  # cut: `completed` never comes, and the status is OK
        }
    )
    async with ScriptedRouter(script) as router:
        yield router


async def test_program_decides_completes_streams_and_reads_the_attempt_log(
    program: ClientProgram, address: str
) -> None:
    """The whole program: every part shows what the router said, down to each failed attempt."""
    ran = await program.run(address)
    assert (ran.code, ran.err) == (0, "")
    assert re.search(r"^decided: profile balanced, (TASK_)?SIMPLE_QA$", ran.out, re.MULTILINE)
    assert len(re.findall(r"^  candidate \S+/\S+, score 0\.\d\d$", ran.out, re.MULTILINE)) == 5
    assert re.search(r"^completed: \[simulated .*Why is the sky blue\?", ran.out, re.MULTILINE)
    assert re.search(r"^streamed: \[simulated .*Tell me a story\.", ran.out, re.MULTILINE)
    ends = re.findall(r"^  by \S+/\S+ in 1 attempts, 40 tokens, \d+ nano-dollars$", ran.out, re.MULTILINE)
    assert len(ends) == 2
    assert re.search(r"^failed: (FailedPrecondition|FAILED_PRECONDITION), reason UNSUPPORTED$", ran.out, re.MULTILINE)
    plan = re.findall(r"^  plan (.+)$", ran.out, re.MULTILINE)[0].split(", ")
    attempts = ATTEMPT.findall(ran.out)
    assert [int(number) for number, *_ in attempts] == list(range(1, len(attempts) + 1))
    assert [kind for _, kind, *_ in attempts] == ["FIRST"] + ["FALLBACK"] * (len(plan) - 1)
    assert {target for *_, target, _ in attempts} == set(plan)
    assert {failure for *_, failure in attempts} == {"UNSUPPORTED"}


async def test_program_does_not_take_a_cut_stream_for_an_answer(
    program: ClientProgram, scripted: ScriptedRouter
) -> None:
    """A stream that ends without `completed` is an error; every call until then had a deadline."""
    ran = await program.run(scripted.address)
    assert ran.code != 0
    assert "streamed: Hello" in ran.out
    assert "the stream ended before the answer did" in ran.err
    assert len(scripted.script.deadlines) == 3
    assert all(left is not None and 50 < left <= 60 for left in scripted.script.deadlines)


async def test_program_says_that_no_router_is_there(program: ClientProgram) -> None:
    """Nobody listens: one line on standard error, long before the deadline."""
    ran = await program.run("127.0.0.1:1")
    assert (ran.code, ran.out) == (1, "")
    assert re.fullmatch(r"example: .*unavailable.*\n", ran.err, re.IGNORECASE)


@pytest.mark.parametrize("healthy", [GO, JAVA], ids=lambda program: program.language)
async def test_program_sends_no_call_to_a_router_that_stops(healthy: ClientProgram, scripted: ScriptedRouter) -> None:
    """NOT_SERVING is heeded: health checking is really on. (grpc-js has none; docs/clients.md says so.)"""
    healthy.build()
    await scripted.serving(False)
    ran = await healthy.run(scripted.address)
    assert ran.code == 1
    assert re.search("unavailable", ran.err, re.IGNORECASE)
    assert scripted.script.requests == []


def test_committed_stubs_of_go_are_current() -> None:
    """They are what protos/ says."""
    require_tool("go", "go")
    checked = subprocess.run(
        [ROOT / "tools" / "clients.sh", "--check-stubs"], capture_output=True, text=True, timeout=300, check=False
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_lock_file_names_no_registry() -> None:
    """`npm ci` installs from whatever registry the machine uses."""
    assert '"resolved"' not in (ROOT / "clients" / "typescript" / "package-lock.json").read_text()


def test_documented_python_works(address: str) -> None:
    """The first Python program of the page, word for word."""
    code = blocks("python")[0]
    ran = run([sys.executable, "-c", code], {"TRUNKLINE_ROUTER": address})
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.startswith("[simulated ")
    assert re.search(r"^1 openai/gpt-4o content_filtered ", ran.stdout, re.MULTILINE)


def test_documented_tool_results_work(address: str) -> None:
    """The program that hands a tool's result back: the second call is answered in words."""
    [code] = [block for block in blocks("python") if "tool_call_id" in block]
    ran = run([sys.executable, "-c", code], {"TRUNKLINE_ROUTER": address})
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.startswith("[simulated ")


def test_documented_grpcurl_commands_work(address: str) -> None:
    """Every command of the page, word for word: listing, answers, decision, vectors, health, table, and a failure."""
    grpcurl = find_component("grpcurl")
    path = {"PATH": f"{grpcurl.parent}{os.pathsep}{os.environ['PATH']}"}
    commands = [block.replace(DOCUMENTED_ADDRESS, address) for block in blocks("sh")]
    *answered, failing = [run(["bash", "-euo", "pipefail", "-c", command], path) for command in commands]
    assert [ran.stderr for ran in answered] == [""] * len(answered)
    said = "".join(ran.stdout for ran in answered)
    for expected in (
        "trunkline.router.v1.RouterService.StreamComplete",
        "string model = 1;",
        '"text": "[simulated ',
        '"text_delta": ',
        '"profile": "cost"',
        '"embeddings": [',
        '"status": "SERVING"',
        '"state": "TARGET_STATE_READY"',
    ):
        assert expected in said, expected
    assert failing.returncode != 0
    assert "trunkline.types.v1.CallError" in failing.stderr
    assert '"failure_class": "FAILURE_CLASS_CONTENT_FILTERED"' in failing.stderr


def blocks(language: str) -> list[str]:
    """The page's blocks of code in a language."""
    found: list[str] = re.findall(rf"^```{language}\n(.*?)^```", DOCUMENT.read_text(), re.MULTILINE | re.DOTALL)
    return found


def run(command: list[str], more: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    """Run a command in a neutral environment, for a minute at most."""
    return subprocess.run(
        command,
        env=clean_environment(more),
        cwd=Path(__file__).parent,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
