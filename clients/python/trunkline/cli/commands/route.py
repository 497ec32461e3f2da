"""`trunkline route`: decide only."""

from typing import Annotated

import typer

from trunkline.cli.flags import RequestFlags, with_request_flags
from trunkline.cli.rendering.as_json import decision_json
from trunkline.cli.rendering.console import Output
from trunkline.cli.rendering.decision import decision_explained, decision_summary
from trunkline.cli.session import EXIT_FAILED, JsonOption, RouterOption, connected


@with_request_flags
def route(
    flags: RequestFlags,
    explain: Annotated[bool, typer.Option("--explain", "-e", help="Show every score and every rejection.")] = False,
    as_json: JsonOption = False,
    router: RouterOption = None,
) -> None:
    """Decide only: who would be asked, and why. Nothing is sent to any provider."""
    output = Output.standard()
    prompt, options = flags.message(), flags.options()
    with connected(router, output, as_json=as_json) as client:
        decision = client.route(prompt, **options)
    if as_json:
        output.json(decision_json(decision))
    else:
        output.data.print(decision_explained(decision) if explain else decision_summary(decision))
    if not decision.plan:
        raise typer.Exit(EXIT_FAILED)
