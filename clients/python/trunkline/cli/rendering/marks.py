"""Marks that several screens share."""

import os
from collections.abc import Iterable

from rich.text import Text

TRACES_VARIABLE = "TRUNKLINE_TRACES"
TRACES_DEFAULT = "http://localhost:16686/trace/{trace_id}"  # Jaeger's own page of one trace


def trace_line(trace_id: str) -> Text:
    """The trace's identifier, and where it can be seen: in Jaeger on this host, or as `TRUNKLINE_TRACES` says."""
    page = os.environ.get(TRACES_VARIABLE) or TRACES_DEFAULT
    return Text(f"  trace {trace_id}   {page.replace('{trace_id}', trace_id)}", "dim")


def simulated_line(targets: Iterable[str], indent: str = "") -> list[Text]:
    """One line that names the simulated backends among `targets` (`backend/model`), where there are any."""
    names = sorted({target.partition("/")[0] for target in targets})
    return [Text(f"{indent}simulated: {', '.join(names)}", "yellow")] if names else []
