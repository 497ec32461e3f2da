"""`trunkline target`: take targets out of use and back."""

from typing import Annotated

import typer

from trunkline.cli.rendering.as_json import row_json
from trunkline.cli.rendering.console import Output
from trunkline.cli.rendering.tables import health_table
from trunkline.cli.session import JsonOption, PersistOption, RouterOption, connected
from trunkline.targets import TargetRow

app = typer.Typer(help="Take targets out of use, and back.", no_args_is_help=True)

NameArgument = Annotated[str, typer.Argument(help="A target (backend/model), or a backend for all its targets.")]
ReasonOption = Annotated[str, typer.Option("--reason", help="Why; shown in the table.", show_default=False)]


@app.command()
def enable(
    name: NameArgument, persist: PersistOption = False, as_json: JsonOption = False, router: RouterOption = None
) -> None:
    """Have a target or backend serve again."""
    output = Output.standard()
    with connected(router, output, as_json=as_json) as client:
        rows = client.admin.enable(name, persist=persist)
    _show(output, rows, as_json=as_json)


@app.command()
def disable(
    name: NameArgument,
    reason: ReasonOption = "",
    persist: PersistOption = False,
    as_json: JsonOption = False,
    router: RouterOption = None,
) -> None:
    """Take a target or backend out of use. What is in flight goes on; plans drop it at their next hop."""
    output = Output.standard()
    with connected(router, output, as_json=as_json) as client:
        rows = client.admin.disable(name, reason=reason, persist=persist)
    _show(output, rows, as_json=as_json)


@app.command()
def drain(
    name: NameArgument,
    reason: ReasonOption = "",
    persist: PersistOption = False,
    as_json: JsonOption = False,
    router: RouterOption = None,
) -> None:
    """Let a target or backend finish what it has and take nothing new; `trunkline table` shows when it is idle."""
    output = Output.standard()
    with connected(router, output, as_json=as_json) as client:
        rows = client.admin.drain(name, reason=reason, persist=persist)
    _show(output, rows, as_json=as_json)


def _show(output: Output, rows: tuple[TargetRow, ...], *, as_json: bool) -> None:
    """The rows that were switched."""
    if as_json:
        output.json([row_json(row) for row in rows])
    else:
        output.data.print(health_table(rows))
