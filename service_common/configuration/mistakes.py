"""What is wrong with a configuration file, said so that a person can correct it."""

from bisect import bisect
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

Path = tuple[str | int, ...]
"""Where something stands in the file: keys of mappings and positions in lists."""

MOST_MISTAKES = 100
"""How many are told at once; nobody reads more, and looking for near names takes its time."""

MOST_COMPARED = 500
"""Known names that a name is compared with; of more, those that begin like it."""

KNOWN_SHOWN = 6
"""How many known names are listed where none is near."""


@dataclass(frozen=True, slots=True)
class Mistake:
    """One mistake.

    Attributes:
        file: the file's name as the caller gave it.
        line: from 1; 0 where the mistake has no place in the file.
        path: dotted: `profiles.balanced.scorers.latancy`.
        message: what is wrong.
        suggestion: what to do; may be empty.
    """

    file: str
    line: int
    path: str
    message: str
    suggestion: str = ""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        text = f"{self.message} {self.suggestion}".rstrip()
        return f"{place}  {self.path}: {text}" if self.path else f"{place}  {text}"


class ConfigurationErrors(Exception):
    """A configuration cannot be used. `mistakes` holds every mistake that was found, in the order of the file."""

    def __init__(self, mistakes: tuple[Mistake, ...]) -> None:
        """Keep the mistakes; the exception's text is one line for each."""
        super().__init__("\n".join(str(mistake) for mistake in mistakes))
        self.mistakes = mistakes


@dataclass(frozen=True, slots=True)
class Finding:
    """A mistake at a path, before its line is known. `line` is set where the path alone does not tell it."""

    path: Path
    message: str
    suggestion: str = ""
    line: int = 0


def dotted(path: Path) -> str:
    """`("aliases", "fast", 1)` as `aliases.fast[1]`."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += f".{part}" if text else part
    return text


def suggest(name: str, known: Iterable[str]) -> str:
    """The nearest known name as a question, else the first known ones, else nothing."""
    names = sorted(known)
    compared = _around(name, names)
    near = get_close_matches(name.lower(), [candidate.lower() for candidate in compared], n=1, cutoff=0.6)
    if near:
        return f'Did you mean "{next(candidate for candidate in compared if candidate.lower() == near[0])}"?'
    if not names:
        return ""
    shown = ", ".join(names[:KNOWN_SHOWN])
    return f"Known: {shown}{', ...' if len(names) > KNOWN_SHOWN else ''}"


def _around(name: str, names: Sequence[str]) -> Sequence[str]:
    """The part of sorted `names` in which `name` would stand."""
    middle = bisect(names, name) if len(names) > MOST_COMPARED else 0
    start = max(0, min(middle - MOST_COMPARED // 2, len(names) - MOST_COMPARED))
    return names[start : start + MOST_COMPARED]
