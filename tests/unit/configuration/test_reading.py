"""What is given as a configuration may be no file: nothing that it is holds up whoever reads it."""

import os
from pathlib import Path
from threading import Thread

import pytest

from service_common.configuration import ConfigurationErrors, read_text, reading


def test_a_pipe_without_a_writer_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Opening it would wait for one for ever."""
    monkeypatch.setattr(reading, "PIPE_PATIENCE", 0.05)
    pipe = tmp_path / "pipe.yaml"
    os.mkfifo(pipe)
    with pytest.raises(ConfigurationErrors, match=r"pipe\.yaml  this is a pipe into which nothing was written"):
        read_text(pipe)


def test_a_pipe_is_read_to_its_end(tmp_path: Path) -> None:
    """So that the output of a program can be checked: `config check <(program)`."""
    pipe = tmp_path / "pipe.yaml"
    os.mkfifo(pipe)
    text = "a: 1\n" * 50_000  # more than a pipe holds
    writer = Thread(target=pipe.write_text, args=(text,), daemon=True)
    writer.start()
    assert read_text(pipe) == text
    writer.join(10)
    assert not writer.is_alive()


def test_a_folder_is_told(tmp_path: Path) -> None:
    """It has no text."""
    with pytest.raises(ConfigurationErrors, match="it cannot be read: Is a directory"):
        read_text(tmp_path)
