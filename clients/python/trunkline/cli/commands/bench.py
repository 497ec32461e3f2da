"""`trunkline bench`: compare routing profiles over a set of prompts."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import typer

import trunkline
from trunkline.cli.parsing import names
from trunkline.cli.rendering import formats
from trunkline.cli.rendering.console import Output
from trunkline.cli.rendering.strategies import strategies_screen, summary_json
from trunkline.cli.session import JsonOption, RouterOption, reporting
from trunkline.cli.spreading import spread
from trunkline.cli.strategies.comparing import Comparing, standings_of
from trunkline.cli.strategies.prompts import BenchPrompt, PromptsError, read_prompts
from trunkline.cli.strategies.summary import Summary

app = typer.Typer(help="Compare routing profiles.", no_args_is_help=True)

_ITERATIONS = 100


@app.callback()
def bench() -> None:
    """Compare routing profiles."""


@dataclass(frozen=True, slots=True)
class StrategiesFlags:
    """What the command line says about one comparison."""

    file: Annotated[Path, typer.Argument(help="Prompts, one a line: plain, or JSON with a field prompt.")]
    profiles: Annotated[
        str | None, typer.Option(help="The profiles: cost,latency; without: all.", show_default=False)
    ] = None
    iterations: Annotated[
        int | None,
        typer.Option("--iterations", "-n", min=1, help="Routings per profile; without: 100, at least one per prompt."),
    ] = None
    execute: Annotated[bool, typer.Option("--execute", help="Send the prompts, and measure.")] = False
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before sending.")] = False
    concurrency: Annotated[int, typer.Option(help="With --execute: calls at once.", min=1, max=64)] = 4

    def prompts(self) -> tuple[BenchPrompt, ...]:
        """The prompts of the file.

        Raises:
            typer.BadParameter: it cannot be used.
        """
        try:
            return read_prompts(self.file)
        except PromptsError as error:
            raise typer.BadParameter(str(error)) from error


@app.command()
@spread(StrategiesFlags)
def strategies(flags: StrategiesFlags, as_json: JsonOption = False, router: RouterOption = None) -> None:
    """Route prompts under each profile: success, cost, time, quality and spread. Sends nothing without --execute."""
    output = Output.standard()
    prompts = flags.prompts()
    chosen = () if flags.profiles is None else names(flags.profiles)
    runs = flags.iterations or max(_ITERATIONS, len(prompts))
    with reporting(output, as_json=as_json):
        summaries = asyncio.run(_compare(output, flags, prompts, chosen, runs, router))
    if as_json:
        head = {"prompts": len(prompts), "iterations": runs, "executed": flags.execute}
        output.json({**head, "strategies": [summary_json(summary) for summary in summaries]})
    else:
        output.data.print(strategies_screen(summaries, executed=flags.execute))


async def _compare(
    output: Output,
    flags: StrategiesFlags,
    prompts: tuple[BenchPrompt, ...],
    profiles: tuple[str, ...],
    runs: int,
    router: str | None,
) -> tuple[Summary, ...]:
    """Route everything, and send it where that is wanted.

    Raises:
        TrunklineError: a call failed.
        typer.Abort: it must not be sent after all.
    """
    async with trunkline.AsyncClient(router) as client:
        asked = profiles or (await client.models()).profiles
        comparing = Comparing(client, prompts, asked, runs, await standings_of(client), lambda: None)
        with _progress(output, "routing", comparing) as shown:
            summaries = await shown.expect()
        if flags.execute:
            _ask_before_sending(output, summaries, yes=flags.yes)
            with _progress(output, "asking", comparing) as shown:
                summaries = await shown.execute(flags.concurrency)
        return summaries


@contextmanager
def _progress(output: Output, words: str, comparing: Comparing) -> Iterator[Comparing]:
    """The comparison with a counter on standard error, where a terminal shows it."""
    total = comparing.iterations * len(comparing.profiles)
    done = 0

    def advance() -> None:
        nonlocal done
        done += 1
        status.update(f"{words}: {done} of {total}")

    with output.notes.status(words) as status:
        yield replace(comparing, progress=advance)


def _ask_before_sending(output: Output, summaries: tuple[Summary, ...], *, yes: bool) -> None:
    """Say what it is about to cost, and ask.

    Raises:
        typer.Abort: the answer is no, or there is nobody to ask.
    """
    calls = sum(summary.runs - summary.unrouted for summary in summaries)
    cost = formats.money(sum(summary.cost_nanodollars for summary in summaries))
    output.notes.print(f"{formats.plural(calls, 'call')} will be sent, about {cost} in all")
    if not yes:
        typer.confirm("Send them?", abort=True, err=True)
