"""`trunkline table`: the health and load of every target."""

import time
from collections.abc import Iterator
from typing import Annotated

import typer
from rich.console import Group
from rich.live import Live
from rich.text import Text

import trunkline
from trunkline.cli.rendering import formats
from trunkline.cli.rendering.as_json import row_json
from trunkline.cli.rendering.console import Output
from trunkline.cli.rendering.drills import result_lines
from trunkline.cli.rendering.tables import health_table
from trunkline.cli.session import JsonOption, RouterOption, connected
from trunkline.errors import Unavailable
from trunkline.targets import TargetRow

_RETRY_SECONDS = 1.0


def table(
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Keep showing it, until Ctrl-C.")] = False,
    interval: Annotated[float, typer.Option(help="Least seconds between two updates.", min=0.05)] = 1.0,
    as_json: JsonOption = False,
    router: RouterOption = None,
) -> None:
    """Show every target's state, load, times and errors."""
    output = Output.standard()
    with connected(router, output, as_json=as_json) as client:
        if not watch:
            rows = client.table()
            if as_json:
                output.json([row_json(row) for row in rows])
            else:
                output.data.print(Group(health_table(rows), *result_lines(client.admin.drills())))
            return
        try:
            if as_json:
                for rows in client.watch_table(interval):
                    output.json([row_json(row) for row in rows], indent=None)
            elif output.data.is_terminal and not output.data.is_dumb_terminal:
                _watch(client, output, interval)
            else:
                _append(client, output, interval)
        except KeyboardInterrupt:
            raise typer.Exit from None


def _watch(client: "trunkline.Client", output: Output, interval: float) -> None:
    """Show the table in place; where the router goes away, say so and wait for it."""
    rows = client.table()
    with Live(health_table(rows), console=output.data, auto_refresh=False) as live:
        for found in _followed(client, interval):
            if isinstance(found, Unavailable):
                live.update(Group(health_table(rows), _trying_again(found)), refresh=True)
            else:
                rows = found
                live.update(health_table(rows), refresh=True)


def _append(client: "trunkline.Client", output: Output, interval: float) -> None:
    """As `_watch` where nothing can be shown in place, such as a pipe: each table with its time after the last."""
    client.table()
    lost = ""
    for found in _followed(client, interval):
        if not isinstance(found, Unavailable):
            lost = ""
            output.data.print(formats.local_time(), style="dim")
            output.data.print(health_table(found))
        elif str(found) != lost:  # once, not once a second
            lost = str(found)
            output.notes.print(Text(f"{formats.local_time()}  ", "red").append(_trying_again(found)))


def _followed(client: "trunkline.Client", interval: float) -> Iterator[tuple[TargetRow, ...] | Unavailable]:
    """The table at each change, and why there is none whenever the router is away; for ever.

    To be begun once the table was read: no router at all is an error, not something to wait for.
    """
    while True:
        try:
            yield from client.watch_table(interval)
        except Unavailable as error:
            yield error
        time.sleep(_RETRY_SECONDS)


def _trying_again(error: Unavailable) -> Text:
    return Text(f"{error}; trying again", "red")
