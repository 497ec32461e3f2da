"""The health and load table, and the models, for people."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.measure import Measurement
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

WHOLE = 0.995
"""Availability from which on it is not worth a word."""

FADED = 0.05
"""Share of what is assumed from which on a figure is marked."""

FADING = "~ not measured lately: nears what is assumed of an untried target"

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
        table.add(_row_cells(row), remark(row))
    legend = [Text(FADING, "dim")] if any(_is_fading(row) for row in rows) else []
    return Group(table, *legend, *simulated_line(row.target for row in rows if row.simulated))


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

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        """The width that the columns take."""
        return Measurement.get(console, options, self._table)

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
        _measured(row, formats.duration(row.first_token)),
        _measured(row, formats.duration(row.latency)),
        _measured(row, formats.rate(row.tokens_per_second)),
        _measured(row, f"{row.success_rate:.0%}" if row.assumed_share < 1 else "-"),
        Text(str(row.attempts)),
        Text(formats.money(row.spent_nanodollars)),
    ]


def _measured(row: TargetRow, figure: str) -> Text:
    """A figure, marked where part of it is assumed."""
    return Text(f"~{figure}", "dim") if _is_fading(row) and figure != "-" else Text(figure)


def _is_fading(row: TargetRow) -> bool:
    return FADED <= row.assumed_share < 1


def remark(row: TargetRow, now: datetime | None = None) -> str:
    """What a person should know about the row: what is wrong, until when, and how likely it is to be chosen."""
    if row.state_reason and (row.state != "ready" or not row.last_error):
        back = f"; tried again {formats.ahead(row.available_at, now)}" if row.available_at is not None else ""
        return f"{row.state_reason}{back}"
    if not row.last_error:
        return ""
    lowered = f"; availability {row.availability:.2f}, nears 1 with time" if row.availability < WHOLE else ""
    doubt = f"{row.state_reason}; " if row.state_reason else ""
    return f"{doubt}{formats.ago(row.last_error_at, now)}: {row.last_error}{lowered}"


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
