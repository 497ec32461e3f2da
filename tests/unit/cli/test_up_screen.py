"""What the screen of `trunkline up` tells people to type."""

from pathlib import Path

import pytest

from trunkline.cli.rendering.up import command_line


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
