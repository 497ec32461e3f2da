"""What is wrong with a configuration file, said so that a person can correct it."""

from dataclasses import dataclass

Path = tuple[str | int, ...]
"""Where something stands in the file: keys of mappings and positions in lists."""

MOST_MISTAKES = 100
"""How many are told at once; nobody reads more, and looking for near names takes its time."""


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
