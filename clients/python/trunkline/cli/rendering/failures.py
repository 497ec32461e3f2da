"""Errors for people: what is wrong, where, and what to do."""

from collections.abc import Collection

from rich.text import Text

from trunkline.cli.rendering import formats
from trunkline.cli.rendering.attempts import hops
from trunkline.cli.rendering.console import Output
from trunkline.cli.rendering.marks import simulated_line, trace_line
from trunkline.errors import DeadlineExceeded, InvalidRequest, NoTarget, TrunklineError, Unavailable


def show_error(output: Output, error: TrunklineError, told: Collection[int] = (), *, explainable: bool = False) -> None:
    """Write a failed call to stderr.

    Args:
        told: numbers of the attempts that the screen shows already.
        explainable: `trunkline route` takes what this command took, and so can tell why no target fits.
    """
    notes = output.notes
    if isinstance(error, InvalidRequest) and error.violations:
        notes.print(Text("the request is wrong; nothing was sent or changed:", "bold red"))
        for violation in error.violations:
            notes.print(Text.assemble("  ", (violation.field, "bold"), f"  {violation.description}"))
    else:
        headline = error.details.headline if error.attempts else ""
        notes.print(Text.assemble(("failed: ", "bold red"), headline or error.message))
    if untold := [attempt for attempt in error.attempts if attempt.number not in told]:
        notes.print(hops(untold))
    if error.attempts:
        for mark in simulated_line((attempt.target for attempt in error.attempts if attempt.simulated), "  "):
            notes.print(mark)
    for line in _advice(error, explainable=explainable):
        notes.print(Text(f"  {line}", "dim"))
    if error.trace_id:
        notes.print(trace_line(error.trace_id))


def _advice(error: TrunklineError, *, explainable: bool) -> list[str]:
    """What to do next."""
    lines = []
    if isinstance(error, Unavailable) and not error.reason:
        lines.append("Start one: trunkline up. Or say where it is: --router HOST:PORT or TRUNKLINE_ROUTER.")
    elif isinstance(error, NoTarget) and explainable:
        lines.append("See why each target was rejected: trunkline route --explain ... with the same options.")
    elif isinstance(error, DeadlineExceeded):
        lines.append("Give it more time: --timeout SECONDS.")
    if error.retry_after is not None:
        lines.append(f"Try again in {formats.duration(error.retry_after)}.")
    return lines
