"""Reads the `.env` beside a configuration, and says which line of it cannot be used."""

import codecs
import logging
from collections.abc import Collection
from io import StringIO
from pathlib import Path

from dotenv.parser import Binding, parse_stream

from service_common.pipes import read_file

LONGEST_VARIABLE = 131_071
"""Bytes of NAME=value that Linux hands to a process (MAX_ARG_STRLEN, with the 0 behind them)."""

_ADVICE = "Save it as text in UTF-8."
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)

_LOG = logging.getLogger("service_common")


class EnvFileError(ValueError):
    """A `.env` cannot be used. Its content, which is secret, is not shown.

    Attributes:
        file: which; `line`: from 1, 0 where it is about the whole file.
        message: what is wrong; `advice`: what to do.
    """

    def __init__(self, file: Path, line: int, message: str, advice: str) -> None:
        """Keep them; the exception's text is one line with all."""
        super().__init__(f"{file}{f':{line}' if line else ''}  {message} {advice}")
        self.file, self.line, self.message, self.advice = file, line, message, advice


def read_env_file(file: Path, wanted: Collection[str] | None = None) -> dict[str, str]:
    """The variables of a `.env`, without expanding references; none where there is no such file.

    A line that is no NAME=value is passed over with a warning: other programs that read the file may have use for it.

    Args:
        wanted: their names. None: all, to hand them on; then the file may be a named pipe, which can be read once.

    Raises:
        EnvFileError: it cannot be read, or holds what no variable can.
    """
    found: dict[str, str] = {}
    for binding in parse_stream(StringIO(_text(file, with_pipe=wanted is None), newline=None)):
        if binding.error:
            _LOG.warning("%s:%d  this is no NAME=value, and is passed over. Check its quotes.", file, _line(binding))
        elif binding.key is not None and binding.value is not None and (wanted is None or binding.key in wanted):
            length = len(f"{binding.key}={binding.value}".encode())
            if length > LONGEST_VARIABLE:
                said = f"{binding.key} has {length:,} bytes; a variable has {LONGEST_VARIABLE:,} at most."
                raise EnvFileError(file, _line(binding), said, "Shorten it.")
            found[binding.key] = binding.value
    return found


def _text(file: Path, *, with_pipe: bool) -> str:
    try:
        data = read_file(file) if file.is_file() or (with_pipe and file.is_fifo()) else b""
    except TimeoutError as error:
        raise EnvFileError(file, 0, str(error), "Start what writes to it.") from None
    except OSError as error:
        raise EnvFileError(file, 0, f"this cannot be read: {error.strerror}.", "Let this process read it.") from None
    if data.startswith(_UTF_16):
        raise EnvFileError(file, 1, "this is text in UTF-16.", _ADVICE)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise EnvFileError(file, _line_at(data, error.start), "this is no text in UTF-8.", _ADVICE) from None
    if "\0" in text:
        said = "this holds a NUL character, which no variable can."
        raise EnvFileError(file, _line_at(data, data.index(b"\0")), said, _ADVICE)
    return text


def _line_at(data: bytes, position: int) -> int:
    return data.count(b"\n", 0, position) + 1


def _line(binding: Binding) -> int:
    """Where it begins, behind the blank lines that the parser counts to it."""
    text = binding.original.string
    return binding.original.line + text[: len(text) - len(text.lstrip())].count("\n")
