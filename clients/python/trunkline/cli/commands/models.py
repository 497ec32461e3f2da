"""`trunkline models`: the targets with facts, prices and state."""

from typing import Annotated

import typer

from trunkline.cli.rendering.as_json import models_json
from trunkline.cli.rendering.console import Output
from trunkline.cli.rendering.tables import models_table
from trunkline.cli.session import JsonOption, RouterOption, connected


def models(
    backend: Annotated[str, typer.Argument(help="Only targets of this backend.", show_default=False)] = "",
    as_json: JsonOption = False,
    router: RouterOption = None,
) -> None:
    """List the targets with facts, prices and state; aliases and profiles."""
    output = Output.standard()
    with connected(router, output, as_json=as_json) as client:
        found = client.models(backend)
    if as_json:
        output.json(models_json(found))
    else:
        output.data.print(models_table(found))
