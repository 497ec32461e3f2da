"""The health and load table, and the models, for people."""

from collections.abc import Iterator, Sequence

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.padding import Padding
from rich.segment import Segment
from rich.style import Style
from rich.table import Table
from rich.text import Text

from trunkline.cli.rendering import formats
from trunkline.cli.rendering.marks import simulated_line
from trunkline.targets import Model, Models, TargetRow

_ROW = "row"
"""Where a cell's style says which row it is of."""

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
    """Every target: state, load, times and success; below a row, what is wrong with it."""
    if not rows:
        return Text("no targets: no worker is attached and the configuration names no model", "yellow")
    table = Listing(["target", "state"], ["busy", "first", "total", "tok/s", "ok", "calls", "spent"])
    for row in rows:
        table.add(_row_cells(row), _remark(row))
    return Group(table, *simulated_line(row.target for row in rows if row.simulated))


class Listing:
    """A table without lines: words to the left, figures to the right, heads dim. What is said of a row stands below it,
    as wide as the screen, whatever the columns take.
    """

    def __init__(self, words: Sequence[str], figures: Sequence[str]) -> None:
        self._table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
        self._remarks: list[str] = []
        for head in words:
            self._table.add_column(head, no_wrap=head != "target", overflow="fold")
        for head in figures:
            self._table.add_column(head, justify="right", no_wrap=True)

    def add(self, cells: Sequence[Text], remark: str) -> None:
        """Add a row; `remark` may be empty."""
        for cell in cells:
            cell.stylize(Style(meta={_ROW: len(self._remarks)}))
        self._table.add_row(*cells)
        self._remarks.append(remark)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """The table's lines, each row's remark after its last (a long name takes several)."""
        shown = -1
        for line in console.render_lines(self._table, options, pad=False):
            row = max((segment.style.meta.get(_ROW, -1) for segment in line if segment.style), default=-1)
            if row != shown:
                yield from self._below(shown)
                shown = row
            yield from line
            yield Segment.line()
        yield from self._below(shown)

    def _below(self, row: int) -> Iterator[Padding]:
        if row >= 0 and self._remarks[row]:
            yield Padding(Text(self._remarks[row], "dim"), (0, 0, 0, 2), expand=False)


def _row_cells(row: TargetRow) -> list[Text]:
    """One row's cells."""
    busy = f"{row.in_flight}/{row.capacity}" if row.capacity else str(row.in_flight)
    return [
        Text(row.target),
        state_text(row.state),
        Text(f"{busy} +{row.queued}" if row.queued else busy),
        Text(formats.duration(row.first_token)),
        Text(formats.duration(row.latency)),
        Text(formats.tokens(round(row.tokens_per_second)) if row.tokens_per_second else "-"),
        Text(f"{row.success_rate:.0%}" if row.attempts else "-"),
        Text(str(row.attempts)),
        Text(formats.money(row.spent_nanodollars)),
    ]


def _remark(row: TargetRow) -> str:
    """What a person should know about the row."""
    if row.state_reason and (row.state != "ready" or not row.last_error):
        return row.state_reason
    return f"{formats.ago(row.last_error_at)}: {row.last_error}" if row.last_error else ""


def models_table(models: Models) -> RenderableType:
    """Every target with its facts, its abilities below; then aliases and profiles."""
    table = Listing(["target", "state", "sees up to"], ["context", "in $/1M", "out $/1M", "quality"])
    for model in models.models:
        table.add(_model_cells(model), _abilities(model))
    parts: list[RenderableType] = [table, Text()]
    parts += simulated_line(model.target for model in models.models if model.simulated)
    listed = Table.grid(padding=(0, 2))
    listed.add_column(style="dim", no_wrap=True)
    listed.add_column()
    for name, targets in models.aliases.items():
        listed.add_row("alias", Text.assemble((name, "bold"), f"  {', '.join(targets)}"))
    profiles = (f"{name} (default)" if name == models.default_profile else name for name in models.profiles)
    listed.add_row("profiles", ", ".join(profiles))
    return Group(*parts, listed)


def _model_cells(model: Model) -> list[Text]:
    """One model's cells."""
    return [
        Text(model.target),
        state_text(model.state),
        Text(model.clearance),
        Text(formats.tokens(model.context_window_tokens)),
        Text(formats.price(model.input_price_nanodollars)),
        Text(formats.price(model.output_price_nanodollars)),
        Text(f"{model.quality:.2f}"),
    ]


def _abilities(model: Model) -> str:
    """What it can do, and when it goes."""
    words = [*(["embedding"] if model.mode == "embedding" else []), *model.abilities]
    text = ", ".join(words) or "no special abilities known"
    return f"{text}; retires on {model.retires_on}" if model.retires_on else text
