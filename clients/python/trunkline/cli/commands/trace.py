"""`trunkline trace`: one call's trace as a tree, from Jaeger."""

from typing import Annotated

import typer

from trunkline.cli.jaeger import TraceUnavailable, query_address, read_trace
from trunkline.cli.rendering.console import Output
from trunkline.cli.rendering.trace import trace_json, trace_screen
from trunkline.cli.session import EXIT_FAILED, JsonOption


def trace(
    trace_id: Annotated[str, typer.Argument(help="As chat --explain shows it.", show_default=False)],
    jaeger: Annotated[
        str | None,
        typer.Option(help="Address of Jaeger's query API; else the Jaeger of TRUNKLINE_TRACES.", metavar="URL"),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Show a call's trace as a tree: every hop with its time and what came of it. Read from Jaeger."""
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
