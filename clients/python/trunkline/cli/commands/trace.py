"""`trunkline trace`: one call's trace as a tree, from Jaeger."""

import importlib
from typing import Annotated

import typer

from trunkline.cli.session import JsonOption


def trace(
    trace_id: Annotated[str, typer.Argument(help="As chat --explain shows it.", show_default=False)],
    jaeger: Annotated[
        str | None,
        typer.Option(help="Address of Jaeger's query API; else the Jaeger of TRUNKLINE_TRACES.", metavar="URL"),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Show a call's trace as a tree: every hop with its time and what came of it. Read from Jaeger."""
    # By name and here: HTTP, which nothing else needs, costs every other command some 10 ms of its start.
    importlib.import_module("trunkline.cli.tracing").show_trace(trace_id, jaeger, as_json=as_json)
