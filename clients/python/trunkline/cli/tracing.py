"""What `trunkline trace` does."""

import typer

from trunkline.cli.jaeger import TraceUnavailable, query_address, read_trace
from trunkline.cli.rendering.console import Output
from trunkline.cli.rendering.trace import trace_json, trace_screen
from trunkline.cli.session import EXIT_FAILED


def show_trace(trace_id: str, jaeger: str | None, *, as_json: bool) -> None:
    """Read a trace and show it.

    Raises:
        typer.Exit: it cannot be read; standard error says why.
    """
    output = Output.standard()
    try:
        roots = read_trace(query_address(jaeger), trace_id)
    except TraceUnavailable as error:
        if as_json:
            output.json({"error": {"kind": "TraceUnavailable", "message": str(error)}})
        else:
            output.notes.print(f"trunkline trace: {error}", style="red")
        raise typer.Exit(EXIT_FAILED) from error
    if as_json:
        output.json([trace_json(root) for root in roots])
    else:
        output.data.print(trace_screen(roots))
