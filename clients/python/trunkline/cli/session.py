"""What every command that calls a router does: open the client, report failures, choose the exit code."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

import trunkline
from trunkline._address import ADDRESS_VARIABLE
from trunkline.cli.rendering.as_json import error_json
from trunkline.cli.rendering.console import Output
from trunkline.cli.rendering.failures import show_error
from trunkline.errors import InvalidRequest, TrunklineError

EXIT_FAILED = 1
EXIT_USAGE = 2

RouterOption = Annotated[
    str | None,
    typer.Option(
        "--router",
        help="HOST:PORT of the router; several: IP:PORT,IP:PORT.",
        envvar=ADDRESS_VARIABLE,
        show_default="127.0.0.1:50051",
    ),
]
PersistOption = Annotated[
    bool, typer.Option("--persist", help="Keep it after a restart, and for every router on the same database.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


@contextmanager
def reporting(output: Output, *, as_json: bool) -> Iterator[None]:
    """Show a call that fails, and end the command with its exit code.

    Raises:
        typer.Exit: a call failed (1), or the request was wrong (2).
    """
    try:
        yield
    except TrunklineError as error:
        if as_json:
            output.json(error_json(error))
        else:
            show_error(output, error)
        raise typer.Exit(exit_code(error)) from error


def exit_code(error: TrunklineError) -> int:
    """2 where the request was wrong, else 1."""
    return EXIT_USAGE if isinstance(error, InvalidRequest) else EXIT_FAILED


@contextmanager
def connected(router: str | None, output: Output, *, as_json: bool) -> "Iterator[trunkline.Client]":
    """A client for one command; failed calls are reported.

    Raises:
        typer.Exit: a call failed (1), or the request was wrong (2).
    """
    with reporting(output, as_json=as_json), trunkline.Client(router) as client:
        yield client
