"""The commands, put together."""

import importlib
from typing import Annotated

import typer

from trunkline.cli.commands import (
    bench,
    chat,
    config,
    count,
    drill,
    embed,
    model,
    models,
    passthrough,
    route,
    stats,
    table,
    target,
    trace,
    up,
)

app = typer.Typer(
    name="trunkline",
    help="Routes each prompt to the best language model that may see it, and keeps answering when providers fail.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Begin with: trunkline up. The router's address is in TRUNKLINE_ROUTER (default 127.0.0.1:50051).",
)
app.command(rich_help_panel="Run")(up.up)
passthrough.register(app, panel="Run")
app.command(rich_help_panel="Ask")(chat.chat)
app.command(rich_help_panel="Ask")(route.route)
app.command(rich_help_panel="Ask")(embed.embed)
app.command(rich_help_panel="Ask")(count.count)
app.command(rich_help_panel="Look")(models.models)
app.command(rich_help_panel="Look")(table.table)
app.command(rich_help_panel="Look")(trace.trace)
app.add_typer(bench.app, name="bench", rich_help_panel="Look")
app.command(rich_help_panel="Look")(stats.stats)
app.command(rich_help_panel="Look")(drill.drill)
app.add_typer(target.app, name="target", rich_help_panel="Configure")
app.add_typer(model.app, name="model", rich_help_panel="Configure")
app.add_typer(config.app, name="config", rich_help_panel="Configure")


def _show_version(wanted: bool) -> None:
    """Print the version and leave."""
    if wanted:
        # By name and here: reading what packages say of themselves costs every other command some 10 ms of its start.
        typer.echo(f"trunkline {importlib.import_module('importlib.metadata').version('trunkline')}")
        raise typer.Exit


@app.callback()
def trunkline(
    _version: Annotated[
        bool, typer.Option("--version", help="Show the version.", callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    """Route prompts to the best language model that may see them."""


def run() -> int:
    """Run the command that the arguments name; its exit code."""
    result = app(standalone_mode=True)
    return int(result or 0)
