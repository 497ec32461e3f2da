"""Marks that several screens share."""

from collections.abc import Iterable

from rich.text import Text


def simulated_line(targets: Iterable[str], indent: str = "") -> list[Text]:
    """One line that names the simulated backends among `targets` (`backend/model`), where there are any."""
    names = sorted({target.partition("/")[0] for target in targets})
    return [Text(f"{indent}simulated: {', '.join(names)}", "yellow")] if names else []
