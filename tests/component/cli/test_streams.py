"""Where output cannot go, one line tells it; no answer that was paid for is lost to a character."""

import asyncio
import json
import shlex
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest

from tests.support.command_line import COMMAND, Ran, clean_environment
from tests.support.scripted_router import Script, ScriptedRouter, completed, table_of
from trunkline.router.v1 import router_service_pb2 as router_pb2

ANSWER = "naïve – 你好 ■"
C_LOCALE = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
NARROW = [{"PYTHONIOENCODING": "latin-1"}, {"PYTHONIOENCODING": "ascii:strict"}, C_LOCALE]


@pytest.fixture
async def router() -> AsyncIterator[ScriptedRouter]:
    """A router that answers with characters of many alphabets."""
    script = Script()
    events = completed(ANSWER, "openai/gpt")
    script.answers["StreamComplete"] = events
    script.answers["Complete"] = router_pb2.CompleteResponse(text=ANSWER, completed=events[-1].completed)
    async with ScriptedRouter(script) as running:
        yield running


async def shell(router: ScriptedRouter, line: str, environment: Mapping[str, str] | None = None) -> Ran:
    """Run `trunkline` as a shell does, with its redirections."""
    command = f"exec {shlex.join(COMMAND)} {line}"
    process = await asyncio.create_subprocess_exec(
        "sh",
        "-c",
        command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=clean_environment({"TRUNKLINE_ROUTER": router.address, **(environment or {})}),
    )
    try:
        async with asyncio.timeout(30):
            out, error = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return Ran(process.returncode or 0, out.decode("latin-1"), error.decode("latin-1"))


@pytest.mark.parametrize("environment", NARROW)
async def test_no_character_ends_a_command(router: ScriptedRouter, environment: dict[str, str]) -> None:
    """What the encoding of the output lacks is a question mark; in JSON it is an escape, and nothing is lost."""
    ran = await shell(router, "chat --explain hi", environment)
    assert ran.code == 0, ran.err
    assert "ve ? ?? ?\n" in ran.out
    printed = await shell(router, "chat --json hi", environment)
    assert printed.code == 0, printed.err
    assert json.loads(printed.out)["text"] == ANSWER


async def test_json_is_as_it_was_where_the_output_takes_it(router: ScriptedRouter) -> None:
    """Escapes only where they are needed: people read it, too."""
    ran = await shell(router, "chat --json hi", {"PYTHONIOENCODING": "utf-8"})
    assert ANSWER.encode() in ran.out.encode("latin-1")


@pytest.mark.parametrize("command", ["chat hi", "chat --json hi", "table", "route --help", "--version"])
async def test_a_full_disk_is_told_in_one_line(router: ScriptedRouter, command: str) -> None:
    """The command failed, and why."""
    router.script.answers["GetTable"] = table_of("openai/gpt")
    ran = await shell(router, f"{command} > /dev/full")
    said = "trunkline: the output cannot be written: No space left on device"
    assert (ran.code, ran.err.strip().splitlines()[-1:]) == (1, [said])
    assert "Traceback" not in ran.err


async def test_a_configuration_is_checked_onto_a_full_disk(router: ScriptedRouter) -> None:
    """It is another program that answers, which says the same."""
    ran = await shell(router, "config check nowhere.yaml > /dev/full")
    assert (ran.code, ran.err) == (1, "trunkline: the output cannot be written: No space left on device\n")


async def test_without_standard_output_nothing_is_asked(router: ScriptedRouter) -> None:
    """The answer would be paid for and shown to nobody."""
    ran = await shell(router, "chat hi >&-")
    assert (ran.code, ran.err) == (1, "trunkline: standard output is closed: nothing could be shown.\n")
    assert not router.script.requests


async def test_without_standard_input_or_error_a_command_works(router: ScriptedRouter) -> None:
    """A prompt from an input that is closed is an empty one; notes go nowhere."""
    empty = await shell(router, "chat <&-")
    assert (empty.code, "the prompt is empty" in empty.err) == (2, True), empty.err
    assert (await shell(router, "chat hi <&- 2>&-")).out.encode("latin-1").decode() == f"{ANSWER}\n"


async def test_an_input_that_is_no_text_is_told(router: ScriptedRouter, tmp_path: Path) -> None:
    """Also where the locale would let its bytes pass."""
    (tmp_path / "file").write_bytes(b"backends: {\xff: 1}")
    for environment in ({}, C_LOCALE):
        ran = await shell(router, f"config import - < {tmp_path / 'file'}", environment)
        assert (ran.code, "standard input is not UTF-8 text" in ran.err) == (2, True), ran.err
