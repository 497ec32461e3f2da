"""`trunkline drill`: whether every alias's fallback chain still holds."""

import sys
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from datetime import datetime
from typing import Annotated, NoReturn

import typer

from trunkline.cli.parsing import seconds
from trunkline.cli.rendering import formats
from trunkline.cli.rendering.as_json import error_json
from trunkline.cli.rendering.console import Output
from trunkline.cli.rendering.drills import drill_json, holds, step_line, verdict_line
from trunkline.cli.rendering.failures import show_error
from trunkline.cli.session import EXIT_FAILED, JsonOption, RouterOption, connected
from trunkline.errors import TrunklineError
from trunkline.operations import DrillStep

Every = Annotated[
    float | None,
    typer.Option(help="Drill again and again, so often: 30m, 6h, 1d.", parser=seconds, metavar="DURATION"),
]

Drill = Callable[[], Iterator[DrillStep]]
"""Makes a drill: its steps, as they are done."""


def drill(
    aliases: Annotated[list[str] | None, typer.Argument(help="Aliases; none: all.", show_default=False)] = None,
    prompt: Annotated[str, typer.Option(help="What to ask; empty: a short default.")] = "",
    every: Every = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before money is spent.")] = False,
    as_json: JsonOption = False,
    router: RouterOption = None,
) -> None:
    """Make each alias's first target fail, then each next one, so that the rest must answer a real prompt.

    The exit code is 1 where a chain does not hold. An alias that by its configuration has nothing to fall back to
    counts only where it is named.
    """
    output = Output.standard()
    with connected(router, output, as_json=as_json) as client:
        _ask(client.admin.drill_cost(aliases or (), prompt=prompt), output, yes=yes)

        def make() -> Iterator[DrillStep]:
            return client.admin.drill(aliases or (), prompt=prompt)

        if every is not None:
            _drill_regularly(make, output, every, aliases or (), as_json=as_json)
        steps = _drill(make(), output, as_json=as_json)
        if as_json:
            output.json(drill_json(steps, aliases or ()))
    raise typer.Exit(0 if holds(steps, aliases or ()) else EXIT_FAILED)


def _drill_regularly(make: Drill, output: Output, every: float, named: Collection[str], *, as_json: bool) -> NoReturn:
    """One drill after the other, each with its time; one that cannot be made is told, and the next is made in time.

    Raises:
        typer.Exit: somebody pressed Ctrl-C.
    """
    try:
        while True:
            began = datetime.now().astimezone()
            if not as_json:
                output.data.print(formats.local_time(began), style="dim")
            try:
                steps = _drill(make(), output, as_json=as_json)
                if as_json:
                    output.json({"drilled_at": began.isoformat(), **drill_json(steps, named)}, indent=None)
            except TrunklineError as error:
                if as_json:
                    output.json({"drilled_at": began.isoformat(), **error_json(error)}, indent=None)
                else:
                    show_error(output, error)
            time.sleep(every)
    except KeyboardInterrupt:
        raise typer.Exit from None


def _ask(steps: tuple[DrillStep, ...], output: Output, *, yes: bool) -> None:
    """Say what it will cost; go on only if that is wanted.

    Raises:
        typer.Exit: it is not.
    """
    # A step that can only tell a problem sends no prompt.
    prompts = sum(1 for step in steps if not step.problem)
    cost = sum(step.expected_cost_nanodollars for step in steps)
    output.notes.print(f"sends {formats.plural(prompts, 'prompt')}, about {formats.money(cost)}")
    if yes or not cost:
        return
    if not sys.stdin.isatty():
        output.notes.print("nothing was sent: add --yes to spend that", style="yellow")
        raise typer.Exit(EXIT_FAILED)
    if not typer.confirm("Go on?", err=True):
        raise typer.Exit(EXIT_FAILED)


def _drill(steps: Iterable[DrillStep], output: Output, *, as_json: bool) -> list[DrillStep]:
    """One drill, shown as it goes on."""
    done: list[DrillStep] = []
    for step in steps:
        done.append(step)
        if not as_json:
            output.data.print(step_line(step))
            if step.verdict:
                output.data.print(verdict_line(step))
    return done
