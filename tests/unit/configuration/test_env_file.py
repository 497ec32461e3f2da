"""A `.env` that cannot be used: its line is told, and what to do, and its content never."""

import logging
import os
from pathlib import Path
from threading import Thread

import pytest

from service_common import pipes
from service_common.configuration import ConfigurationErrors, parse_configuration
from service_common.env_file import LONGEST_VARIABLE, EnvFileError, read_env_file

SECRET = "sk-live-0123456789"
WRONG = {
    "latin-1": (f"A=1\nKEY={SECRET}\xe9\n".encode("latin-1"), r"\.env:2  this is no text in UTF-8\. Save it"),
    "utf-16": (f"KEY={SECRET}\n".encode("utf-16"), r"\.env:1  this is text in UTF-16\. Save it"),
    "no mark": (f"KEY={SECRET}\n".encode("utf-16-le"), r"\.env:1  this holds a NUL"),
    "nul": (f"A=1\n\nKEY={SECRET}\0\n".encode(), r"\.env:3  this holds a NUL"),
}


@pytest.mark.parametrize("content", WRONG)
def test_a_dotenv_that_cannot_be_used_is_told_with_its_line(tmp_path: Path, content: str) -> None:
    """Also where the configuration refers to nothing: whoever starts its processes hands the whole file on."""
    data, said = WRONG[content]
    (tmp_path / ".env").write_bytes(data)
    with pytest.raises(EnvFileError, match=said) as caught:
        read_env_file(tmp_path / ".env")
    with pytest.raises(ConfigurationErrors, match=said) as mistakes:
        parse_configuration("backends: {o: {kind: ollama}}", tmp_path / "trunkline.yaml", {})
    assert SECRET not in f"{caught.value}{mistakes.value}"


def test_a_variable_too_long_for_a_process_is_told_where_it_is_used(tmp_path: Path) -> None:
    """Or where all are handed on; what is of no concern to a configuration keeps nobody from starting."""
    (tmp_path / ".env").write_text(f"A=1\n\nKEY={SECRET * 20_000}\n")
    said = r"\.env:3  KEY has 360,004 bytes; a variable has 131,071 at most"
    with pytest.raises(EnvFileError, match=said) as caught:
        read_env_file(tmp_path / ".env")
    with pytest.raises(ConfigurationErrors, match=said) as mistakes:
        parse_configuration("router: {listen: '${KEY}'}", tmp_path / "trunkline.yaml", {})
    assert SECRET not in f"{caught.value}{mistakes.value}"
    parse_configuration("{router: {listen: '${HOST:-h}:1'}, backends: {o: {kind: ollama}}}", tmp_path / "f.yaml", {})
    assert read_env_file(tmp_path / ".env", {"A"}) == {"A": "1"}


def test_a_pipe_is_read_by_whoever_hands_all_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some secret managers mount one, which may be read once: the processes that `up` starts leave it alone."""
    os.mkfifo(pipe := tmp_path / ".env")
    assert read_env_file(pipe, {"A"}) == {}
    writer = Thread(target=pipe.write_text, args=("A=1\n",), daemon=True)
    writer.start()
    assert read_env_file(pipe) == {"A": "1"}
    writer.join(10)
    assert not writer.is_alive()
    monkeypatch.setattr(pipes, "PIPE_PATIENCE", 0.01)
    with pytest.raises(EnvFileError, match=r"\.env  this is a pipe that nobody writes to"):
        read_env_file(pipe)


def test_a_dotenv_without_fault_is_read(tmp_path: Path) -> None:
    """Marks of order, quotes, `export`, several lines in quotes; the last of a name counts; the longest value fits."""
    longest = "x" * (LONGEST_VARIABLE - len("L="))
    text = f"\ufeffA=1\r\n# no = variable\nexport B='two words' # why\nC=\"a\r\nb\"\nA=${{B}}\nD\nE=\nL={longest}\n"
    (tmp_path / ".env").write_text(text, encoding="utf-8", newline="")
    assert read_env_file(tmp_path / ".env") == {"A": "${B}", "B": "two words", "C": "a\nb", "E": "", "L": longest}
    assert read_env_file(tmp_path / "none") == {}


def test_a_line_that_is_no_variable_is_passed_over_and_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A forgotten quote costs that variable; the warning names its line and does not show it."""
    (tmp_path / ".env").write_text(f'A=1\n\nKEY="{SECRET}\nB=2\n')
    with caplog.at_level(logging.WARNING):
        assert read_env_file(tmp_path / ".env") == {"A": "1", "B": "2"}
    assert ".env:3  this is no NAME=value" in caplog.text
    assert SECRET not in caplog.text
