"""`trunkline config`: check a configuration file; export, import and reload a running router's."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from trunkline._files import read_text
from trunkline.cli.modules import CONFIGURATION, module_command, require
from trunkline.cli.parsing import one_of
from trunkline.cli.rendering.console import Output
from trunkline.cli.session import JsonOption, PersistOption, RouterOption, connected
from trunkline.operations import ConfigurationChange

app = typer.Typer(help="Check, export, import and reload configurations.", no_args_is_help=True)


@app.callback()
def config() -> None:
    """Check, export, import and reload configurations."""


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


@app.command(name="export")
def export(
    form: Annotated[
        str, typer.Option("--format", help="How to write it.", parser=one_of("yaml", "json"), metavar="yaml|json")
    ] = "yaml",
    router: RouterOption = None,
) -> None:
    """Print the configuration that is in force; secrets are references."""
    output = Output.standard()
    with connected(router, output, as_json=form == "json") as client:
        output.text(client.admin.export_configuration("json" if form == "json" else "yaml"))


@app.command(name="import")
def import_(
    file: Annotated[Path, typer.Argument(help="YAML or JSON; - reads standard input.", allow_dash=True)],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be different.")] = False,
    persist: PersistOption = False,
    as_json: JsonOption = False,
    router: RouterOption = None,
) -> None:
    """Put a configuration in the place of the router's file until that changes. A mistake in it changes nothing."""
    output = Output.standard()
    try:
        text = sys.stdin.buffer.read().decode() if str(file) == "-" else read_text(file)
    except OSError as error:
        raise typer.BadParameter(f"{file} cannot be read: {error.strerror}", param_hint="FILE") from None
    except UnicodeDecodeError:
        raise typer.BadParameter("standard input is not UTF-8 text", param_hint="FILE") from None
    with connected(router, output, as_json=as_json) as client:
        change = client.admin.import_configuration(text, dry_run=dry_run, persist=persist)
    _show(output, change, as_json=as_json, dry_run=dry_run)


@app.command(name="reload")
def reload(
    discard: Annotated[
        bool, typer.Option("--discard", help="Forget what was imported, and every model that was changed.")
    ] = False,
    as_json: JsonOption = False,
    router: RouterOption = None,
) -> None:
    """Have the router read its file again; it does so by itself when the file changes."""
    output = Output.standard()
    with connected(router, output, as_json=as_json) as client:
        change = client.admin.reload_configuration(discard_changes=discard)
    _show(output, change, as_json=as_json)


def _show(output: Output, change: ConfigurationChange, *, as_json: bool, dry_run: bool = False) -> None:
    """What is different, or would be."""
    if as_json:
        shown = {"configuration_version": change.version, "changes": list(change.changes), "dry_run": dry_run}
        output.json(shown)
        return
    for line in change.changes:
        output.data.print(f"  {line}")
    if not change.changes:
        output.data.print(f"no difference; configuration {change.version} is in force")
    elif dry_run:
        output.data.print(f"nothing was changed; configuration {change.version} is in force")
    else:
        output.data.print(f"configuration {change.version} is in force")
