"""`trunkline route`: decide only."""

from typing import Annotated

import typer

from trunkline.cli.comparison import compare
from trunkline.cli.flags import RequestFlags
from trunkline.cli.parsing import names
from trunkline.cli.rendering.as_json import decision_json
from trunkline.cli.rendering.comparison import comparison_json, comparison_screen
from trunkline.cli.rendering.console import Output
from trunkline.cli.rendering.decision import decision_explained, decision_summary
from trunkline.cli.session import EXIT_FAILED, JsonOption, RouterOption, connected
from trunkline.cli.spreading import spread


@spread(RequestFlags)
def route(
    flags: RequestFlags,
    explain: Annotated[bool, typer.Option("--explain", "-e", help="Show every score and every rejection.")] = False,
    compared: Annotated[
        str | None,
        typer.Option("--compare", help="Put profiles side by side: cost,latency,balanced.", metavar="PROFILES"),
    ] = None,
    as_json: JsonOption = False,
    router: RouterOption = None,
) -> None:
    """Decide only: who would be asked, and why. Nothing is sent to any provider."""
    if compared is not None:
        _compare(flags, names(compared), as_json=as_json, router=router)
        return
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


def _compare(flags: RequestFlags, profiles: tuple[str, ...], *, as_json: bool, router: str | None) -> None:
    """Show what each profile decides.

    Raises:
        typer.BadParameter: a profile was named besides.
        typer.Exit: a call failed, or nothing fits under any profile.
    """
    if flags.profile is not None:
        raise typer.BadParameter("--compare names the profiles; leave out --profile")
    output = Output.standard()
    prompt, options = flags.message(), flags.options()
    with connected(router, output, as_json=as_json) as client:
        comparison = compare(client, prompt, options, profiles)
    if as_json:
        output.json(comparison_json(comparison))
    else:
        output.data.print(comparison_screen(comparison))
    if not any(decision.plan for decision in comparison.decisions.values()):
        raise typer.Exit(EXIT_FAILED)
