"""The health and load table, and the models, for people."""

from collections.abc import Sequence

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from trunkline.cli.rendering import formats
from trunkline.targets import Model, Models, TargetRow

_COLOURS = {
    "ready": "green",
    "suspect": "yellow",
    "cooling": "yellow",
    "half_open": "yellow",
    "draining": "yellow",
    "circuit_open": "red",
    "out": "red",
}


def state_text(state: str) -> Text:
    """A state in its colour; those in which nobody expects service are dim."""
    return Text(state or "unknown", _COLOURS.get(state, "dim"))


def health_table(rows: Sequence[TargetRow]) -> RenderableType:
    """Every target: state, load, times, success, and what is wrong."""
    if not rows:
        return Text("no targets: no worker is attached and the configuration names no model", "yellow")
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="dim")
    table.add_column("target", no_wrap=True)
    table.add_column("state", no_wrap=True)
    for head in ("busy", "queue", "first", "total", "tok/s", "ok", "calls", "spent"):
        table.add_column(head, justify="right", no_wrap=True)
    table.add_column("remark", ratio=1)
    for row in rows:
        table.add_row(*_row_cells(row))
    return table


def _row_cells(row: TargetRow) -> list[Text]:
    """One row's cells."""
    measured = row.attempts > 0
    target = Text(row.target)
    return [
        target,
        state_text(row.state),
        Text(f"{row.in_flight}/{row.capacity}" if row.capacity else str(row.in_flight)),
        Text(str(row.queued) if row.queued else "-"),
        Text(formats.duration(row.first_token)),
        Text(formats.duration(row.latency)),
        Text(f"{row.tokens_per_second:.0f}" if row.tokens_per_second else "-"),
        Text(f"{row.success_rate:.0%}" if measured else "-"),
        Text(str(row.attempts)),
        Text(formats.money(row.spent_nanodollars)),
        _remark(row),
    ]


def _remark(row: TargetRow) -> Text:
    """What a person should know about the row."""
    parts = []
    if row.state != "ready" and row.state_reason:
        parts.append(row.state_reason)
    elif row.last_error:
        parts.append(f"{formats.ago(row.last_error_at)}: {row.last_error}")
    text = Text("simulated" if row.simulated else "", "yellow")
    if parts:
        text.append(("  " if row.simulated else "") + parts[0], "dim")
    return text


def models_table(models: Models) -> RenderableType:
    """Every target with its facts, then aliases and profiles."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="dim")
    table.add_column("target", no_wrap=True)
    table.add_column("state", no_wrap=True)
    for head in ("context", "in $/1M", "out $/1M", "quality"):
        table.add_column(head, justify="right", no_wrap=True)
    table.add_column("may see up to", no_wrap=True)
    table.add_column("abilities", ratio=1)
    for model in models.models:
        table.add_row(*_model_cells(model))
    parts: list[RenderableType] = [table]
    for name, targets in models.aliases.items():
        parts.append(Text.assemble(("alias ", "dim"), (name, "bold"), f"  {', '.join(targets)}"))
    profiles = (f"{name} (default)" if name == models.default_profile else name for name in models.profiles)
    parts.append(Text.assemble(("profiles ", "dim"), ", ".join(profiles)))
    return Group(*parts)


def _model_cells(model: Model) -> list[Text]:
    """One model's cells."""
    remark = Text("simulated  " if model.simulated else "", "yellow")
    words = list(model.abilities) if model.mode == "chat" else [model.mode]
    remark.append(", ".join(words), "dim")
    if model.retires_on:
        remark.append(f"  retires on {model.retires_on}", "yellow")
    return [
        Text(model.target),
        state_text(model.state),
        Text(formats.tokens(model.context_window_tokens)),
        Text(formats.price(model.input_price_nanodollars)),
        Text(formats.price(model.output_price_nanodollars)),
        Text(f"{model.quality:.2f}"),
        Text(model.clearance),
        remark,
    ]
