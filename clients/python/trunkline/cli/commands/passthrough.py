"""`trunkline router`, `worker` and `sim`: become that process. Its own options, and its own help, apply."""

import os
import sys

import typer

from trunkline.cli.modules import ROUTER, SIMULATED, WORKER, module_command, require

_SETTINGS = {"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []}


def router(context: typer.Context) -> None:
    """Run a router in the foreground; see trunkline router --help."""
    require(ROUTER)
    _become(module_command(ROUTER, "serve", *context.args))


def worker(context: typer.Context) -> None:
    """Run one worker in the foreground; see trunkline worker --help."""
    require(WORKER)
    _become(module_command(WORKER, *context.args))


def sim(context: typer.Context) -> None:
    """Run simulated providers, with faults on demand; see trunkline sim --help."""
    require(SIMULATED)
    _become(module_command(SIMULATED, *context.args))


def register(app: typer.Typer, *, panel: str) -> None:
    """Add the commands that hand everything on."""
    for command in (router, worker, sim):
        app.command(context_settings=_SETTINGS, add_help_option=False, rich_help_panel=panel)(command)


def _become(command: list[str]) -> None:
    """Replace this process, so that signals and exit codes are the other's own."""
    sys.stdout.flush()
    os.execv(command[0], command)
