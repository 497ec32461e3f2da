"""What is given as a configuration may be no file: nothing that it is holds up whoever reads it."""

import os
from pathlib import Path
from threading import Thread, Timer

import pytest

from service_common import pipes
from service_common.configuration import ConfigurationErrors, read_text


def test_a_pipe_without_a_writer_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Opening it would wait for one for ever."""
    monkeypatch.setattr(pipes, "PIPE_PATIENCE", 0.05)
    pipe = tmp_path / "pipe.yaml"
    os.mkfifo(pipe)
    with pytest.raises(ConfigurationErrors, match=r"pipe\.yaml  this is a pipe that nobody writes to"):
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


def test_a_pipe_with_a_writer_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """`config check <(ssh ...)`: whoever holds the other end takes the time that it takes."""
    monkeypatch.setattr(pipes, "PIPE_PATIENCE", 0.01)
    reading_end, writing_end = os.pipe()
    with os.fdopen(reading_end), os.fdopen(writing_end, "w") as written:

        def write() -> None:
            written.write("a: 1\n")
            written.close()

        Timer(0.3, write).start()
        assert read_text(Path(f"/dev/fd/{reading_end}")) == "a: 1\n"


def test_a_pipe_that_is_closed_empty_is_an_empty_text() -> None:
    """A program that printed nothing did end; nobody is missing."""
    reading_end, writing_end = os.pipe()
    os.close(writing_end)
    with os.fdopen(reading_end):
        assert read_text(Path(f"/dev/fd/{reading_end}")) == ""


def test_a_folder_is_told(tmp_path: Path) -> None:
    """It has no text."""
    with pytest.raises(ConfigurationErrors, match="it cannot be read: Is a directory"):
        read_text(tmp_path)
