"""What the screen of `trunkline up` tells people to type."""

import os
from pathlib import Path

import pytest
from rich.console import Console

from router_service.config.__main__ import main
from service_common.configuration import automatic_configuration
from trunkline.cli.processes.launch import Launched
from trunkline.cli.processes.router_tools import BackendDescription, describe_configuration, notes_in
from trunkline.cli.rendering.up import command_line, up_screen


def _program(folder: Path) -> Path:
    folder.mkdir(parents=True)
    path = folder / "trunkline"
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


def test_a_program_that_path_does_not_find_is_named_as_it_was_called(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After `make run` nobody has .venv/bin in PATH: the commands shown must work all the same."""
    called, other = _program(tmp_path / "my project"), _program(tmp_path / "other")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert command_line(str(called)) == f"'{called}'"
    monkeypatch.setenv("PATH", str(other.parent))
    assert command_line(str(called)) == f"'{called}'"


def test_a_program_that_path_finds_is_named_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where PATH leads to this very program, or it was not started by that name, the name is enough."""
    called = _program(tmp_path / "bin")
    monkeypatch.setenv("PATH", str(called.parent))
    assert command_line(str(called)) == "trunkline"
    assert command_line("/somewhere/trunkline/cli/__main__.py") == "trunkline"


def test_credentials_that_are_not_used_are_told(tmp_path: Path) -> None:
    """What was found and is no use stands on the screen, and the simulation is explained by it."""
    notes = notes_in(automatic_configuration({"AZURE_API_KEY": "k"}, None, {"groq": "http://127.0.0.1:1/v1"}))
    stand_in = BackendDescription("groq", "openai_wire", (), simulated=True, enabled=True)
    launched = Launched("127.0.0.1:1", tmp_path / "trunkline.yaml", True, (stand_in,), "", "", notes)
    console = Console(width=200)
    with console.capture() as shown:
        console.print(up_screen(launched, (), (), logs=tmp_path, seconds=1.0))
    assert "azure is not used: AZURE_API_KEY is set, AZURE_API_BASE is not." in shown.get()
    assert "no provider's key in the environment or in .env can be used" in shown.get()


async def test_warnings_of_a_file_reach_the_screen(tmp_path: Path) -> None:
    """What the check of a file warns of, its description for `up` holds."""
    file = tmp_path / "trunkline.yaml"
    file.write_text(
        "backends: {o: {kind: ollama}}\nmodels: {o/a-embed: {}, o/b-embed: {}}\n"
        "aliases: {both: [o/a-embed, o/b-embed], one: [o/a-embed]}\n"
    )
    [warning] = (await describe_configuration(file, dict(os.environ))).warnings
    assert warning.startswith(f"{file}:3  aliases.both: its calls may be answered by different models")


def test_an_address_that_is_none_makes_no_configuration(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is named before anything starts."""
    monkeypatch.setenv("OLLAMA_BASE_URL", "localhost:11434")
    assert main(["automatic"]) == 1
    assert "OLLAMA_BASE_URL: this is no address of ollama" in capsys.readouterr().err
