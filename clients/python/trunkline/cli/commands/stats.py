"""`trunkline stats`: counts and rolling figures of every target."""

from typing import Annotated

import typer
from rich.console import Group

from trunkline.cli.rendering.console import Output
from trunkline.cli.rendering.drills import result_lines
from trunkline.cli.rendering.statistics import statistics_json, statistics_table
from trunkline.cli.session import JsonOption, RouterOption, connected


def stats(
    name: Annotated[str, typer.Argument(help="Only this target, or this backend's.", show_default=False)] = "",
    as_json: JsonOption = False,
    router: RouterOption = None,
) -> None:
    """Show what each target's attempts came to: counts, failures by class, times, tokens, money."""
    output = Output.standard()
    with connected(router, output, as_json=as_json) as client:
        found = client.admin.statistics(name)
        drills = () if as_json or name else client.admin.drills()
    if as_json:
        output.json([statistics_json(each) for each in found])
    else:
        output.data.print(Group(statistics_table(found), *result_lines(drills)))
