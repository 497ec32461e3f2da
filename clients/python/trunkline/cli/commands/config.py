"""`trunkline config`: check a configuration file."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from trunkline.cli.modules import CONFIGURATION, module_command, require
from trunkline.cli.session import JsonOption

app = typer.Typer(help="Check configurations.", no_args_is_help=True)


@app.callback()
def config() -> None:
    """Check configurations."""


@app.command()
def check(
    file: Annotated[Path, typer.Argument(help="The configuration file.")] = Path("trunkline.yaml"),
    as_json: JsonOption = False,
) -> None:
    """Find every mistake in a configuration file, with its line. Nothing is started."""
    require(CONFIGURATION)
    command = module_command(CONFIGURATION, "check", str(file), *(["--json"] if as_json else []))
    sys.stdout.flush()
    os.execv(command[0], command)
