"""Where output goes: answers and data to stdout, everything about them to stderr."""

import json
import sys
from dataclasses import dataclass
from typing import Any

from rich.console import Console

_PIPE_WIDTH = 200

_COMPLETE = ("utf-8", "utf8")
"""Encodings that have every character."""

_KEPT = {ord("\n"), ord("\t")}
_CONTROLS = dict.fromkeys(code for code in [*range(0x20), *range(0x7F, 0xA0)] if code not in _KEPT)


@dataclass(frozen=True, slots=True)
class Output:
    """The two ways out: `data` is what was asked for, `notes` is what is said about it."""

    data: Console
    notes: Console

    @classmethod
    def standard(cls) -> "Output":
        """stdout and stderr; colours only where a terminal reads."""
        return cls(data=_console(stderr=False), notes=_console(stderr=True))

    def text(self, text: str) -> None:
        """Write a model's words to stdout at once: as they are, but without control codes where a terminal reads."""
        stream = self.data.file
        stream.write(text.translate(_CONTROLS) if self.data.is_terminal else text)
        stream.flush()

    def json(self, value: Any, *, indent: int | None = 2) -> None:
        """Write one JSON value to stdout; where that takes not every character, with escapes for those beyond ASCII."""
        escaped = self.data.encoding not in _COMPLETE
        self.data.file.write(json.dumps(value, ensure_ascii=escaped, indent=indent) + "\n")
        self.data.file.flush()


def _console(*, stderr: bool) -> Console:
    """A console that does not fold lines for readers that are programs."""
    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else _PIPE_WIDTH
    return Console(stderr=stderr, width=width, highlight=False, markup=False, emoji=False)
