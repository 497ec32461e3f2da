"""docs/routing.md can be pasted against `trunkline up`: every command prints what the page shows."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.command_line import trunkline
from tests.support.up_process import up_process

pytestmark = pytest.mark.timeout(300)

PAGE = Path(__file__).resolve().parents[2] / "docs" / "routing.md"
BLOCK = re.compile(r"```(console|yaml)\n(.*?)```", re.DOTALL)
TO_PASTE = "tiers: {simple: fast"
"""How the block begins that the page says to put at the end of the configuration."""

VARYING = re.compile(r"(?<=; configuration )[0-9a-f]{12}")
PROMPTS = "What is the capital of Peru?\nWrite a Python function that merges two lists\n"


def steps(page: str) -> Iterator[tuple[str, str]]:
    """Commands with their output, and what is to be pasted with no output, in the order of the page."""
    for kind, body in BLOCK.findall(page):
        if kind == "yaml":
            if body.startswith(TO_PASTE):
                yield body, ""
            continue
        for step in re.split(r"^\$ ", body, flags=re.MULTILINE)[1:]:
            command, _, shown = step.partition("\n")
            yield command, shown


STEPS = tuple(steps(PAGE.read_text(encoding="utf-8")))


def plain(text: str) -> list[str]:
    """Lines without blanks at their ends, and without what differs from run to run."""
    return [VARYING.sub("", line.rstrip()) for line in text.strip("\n").splitlines()]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the commands run, with the file of prompts that the page makes."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "prompts.txt").write_text(PROMPTS)
    return tmp_path


@pytest.fixture
def address(folder: Path) -> Iterator[str]:
    """A router with simulated providers, as the page asks for."""
    with up_process(folder) as running:
        yield running


def paste(folder: Path, more: str) -> None:
    """Put something at the end of the configuration that `up` made."""
    [config] = folder.glob("trunkline-*/trunkline.yaml")
    config.write_text(f"{config.read_text()}\n{more}")


async def test_every_command_of_the_page_prints_what_the_page_shows(folder: Path, address: str) -> None:
    """In the page's order, against one router."""
    wrong, tried = [], 0
    for command, shown in STEPS:
        if command.startswith(TO_PASTE):
            paste(folder, command)
            assert (await trunkline("config", "reload", "--router", address)).code == 0
        # a slow machine may not decide at all within half a second; printf makes the prompts that are there
        elif command.startswith("trunkline ") and "--timeout" not in command:
            ran = await trunkline(*shlex.split(command)[1:], environment={"TRUNKLINE_ROUTER": address})
            tried += 1
            if plain(ran.out + ran.err) != plain(shown):
                wrong.append(f"$ {command}\n{ran.out}{ran.err}")
    assert not wrong, "\n".join(wrong)
    assert tried >= 30
