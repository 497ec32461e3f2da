"""`trunkline model`: add, change and remove models of a running router."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated, Any

import typer

import trunkline
from trunkline.cli.commands.models import models
from trunkline.cli.rendering.console import Output
from trunkline.cli.rendering.pulls import show_pull
from trunkline.cli.session import JsonOption, PersistOption, RouterOption, connected
from trunkline.errors import InvalidRequest, NotFound

app = typer.Typer(help="Add, change and remove models while the router runs.", no_args_is_help=True)
app.command(name="list")(models)

TargetArgument = Annotated[str, typer.Argument(help="backend/model")]
SettingsArgument = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[SETTING=VALUE]...",
        help="As in the configuration's `models` section: quality=0.8 price.input=0.15 tags=code,general. "
        "Without a value a setting is taken away.",
        show_default=False,
    ),
]
LISTS = frozenset({"tags", "abilities"})
"""Settings whose value is a list, so that `a,b` can be written without brackets."""


@app.command()
def add(
    target: TargetArgument,
    settings: SettingsArgument = None,
    persist: PersistOption = False,
    as_json: JsonOption = False,
    router: RouterOption = None,
) -> None:
    """Add a model. What is left out is as in the table of facts."""
    output = Output.standard()
    changed = settings_of(settings or ())
    with connected(router, output, as_json=as_json) as client:
        if target in _configured(client):
            raise InvalidRequest(f"{target} is in the configuration already; change it: trunkline model update")
        version = client.admin.upsert_model(target, changed, persist=persist)
    _done(output, f"added {target}", version, as_json=as_json)


@app.command()
def update(
    target: TargetArgument,
    settings: SettingsArgument = None,
    persist: PersistOption = False,
    as_json: JsonOption = False,
    router: RouterOption = None,
) -> None:
    """Change settings of a model; the others stay."""
    output = Output.standard()
    changed = settings_of(settings or ())
    if not changed:
        raise typer.BadParameter("nothing to change: write quality=0.8, for example", param_hint="SETTING=VALUE")
    with connected(router, output, as_json=as_json) as client:
        if target not in _configured(client):
            raise NotFound(f"the configuration has no model {target}; add it: trunkline model add")
        version = client.admin.upsert_model(target, changed, persist=persist)
    _done(output, f"changed {target}", version, as_json=as_json)


@app.command()
def remove(
    target: TargetArgument, persist: PersistOption = False, as_json: JsonOption = False, router: RouterOption = None
) -> None:
    """Remove a model. What is in flight goes on; plans drop it at their next hop."""
    output = Output.standard()
    with connected(router, output, as_json=as_json) as client:
        version = client.admin.remove_model(target, persist=persist)
    _done(output, f"removed {target}", version, as_json=as_json)


@app.command()
def pull(target: TargetArgument, as_json: JsonOption = False, router: RouterOption = None) -> None:
    """Have a local server, such as Ollama, fetch a model."""
    output = Output.standard()
    with connected(router, output, as_json=as_json) as client:
        if as_json:
            for step in client.admin.pull_model(target):
                output.json({**asdict(step), "target": target}, indent=None)
        else:
            show_pull(client.admin.pull_model(target), output)
            output.data.print(f"{target} is there")


def settings_of(written: Sequence[str]) -> dict[str, Any]:
    """`quality=0.8 price.input=1` as nested plain values; a value is JSON where it can be, else text.

    Raises:
        typer.BadParameter: one has no equals sign, or a name stands for a value and for a group.
    """
    settings: dict[str, Any] = {}
    for text in written:
        name, equals, value = text.partition("=")
        if not (name and equals):
            raise typer.BadParameter(f'"{text}" is no setting: write NAME=VALUE', param_hint="SETTING=VALUE")
        *groups, last = name.split(".")
        group = settings
        for part in groups:
            group = group.setdefault(part, {})
            if not isinstance(group, dict):
                raise typer.BadParameter(f"{name}: {part} has a value already", param_hint="SETTING=VALUE")
        group[last] = _value(last, value)
    return settings


def _value(name: str, text: str) -> Any:
    """None, a list, a JSON value, or text."""
    if not text:
        return None
    try:
        value = json.loads(text)
    except ValueError:
        value = text
    return value if isinstance(value, list) or name not in LISTS else text.split(",")


def _configured(client: "trunkline.Client") -> frozenset[str]:
    """The models that the running configuration lists; discovered ones are not among them."""
    return frozenset(json.loads(client.admin.export_configuration("json")).get("models", {}))


def _done(output: Output, what: str, version: str, *, as_json: bool) -> None:
    """Say what is in force."""
    if as_json:
        output.json({"done": what, "configuration_version": version})
    else:
        output.data.print(f"{what}; configuration {version} is in force")
