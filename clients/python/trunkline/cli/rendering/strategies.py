"""Profiles compared over a set of prompts: for people, and as JSON."""

from collections.abc import Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from trunkline.cli.rendering import formats
from trunkline.cli.rendering.as_json import milliseconds
from trunkline.cli.rendering.fitting import Fitting
from trunkline.cli.strategies.summary import Summary
from trunkline.money import to_dollars


def strategies_screen(summaries: Sequence[Summary], *, executed: bool) -> RenderableType:
    """A row per profile with its figures, and below whom each chooses."""
    spread = Table.grid(padding=(0, 2))
    spread.add_column(no_wrap=True)
    spread.add_column(overflow="fold")
    for summary in summaries:
        shares = (f"{target} {share:.0%}" for target, share in summary.spread.items())
        spread.add_row(summary.profile, Text(", ".join(shares) or "nobody", "dim"))
    words = "answered by" if executed else "chosen first"
    kind = "measured" if executed else "expected; nothing was sent"
    note = Text(f"{kind}; cost is the mean of a request, success counts the plan's fallbacks", "dim")
    return Group(Fitting(_table(summaries), _folded(summaries)), Text(), Text(words, "dim"), spread, Text(), note)


def _table(summaries: Sequence[Summary]) -> Table:
    """A row per profile."""
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    table.add_column("profile")
    for head, _ in _row(summaries[0])[1:]:
        table.add_column(head, justify="right", no_wrap=True)
    best = _best(summaries)
    for summary in summaries:
        table.add_row(*(Text(cell, "green" if (summary.profile, head) in best else "") for head, cell in _row(summary)))
    return table


def _folded(summaries: Sequence[Summary]) -> Table:
    """The same for narrow screens: the figures stand below each profile."""
    grid = Table.grid()
    grid.add_column()
    best = _best(summaries)
    for summary in summaries:
        figures = [
            Text(f"{head} {cell}", "green" if (summary.profile, head) in best else "")
            for head, cell in _row(summary)[1:]
            if cell
        ]
        grid.add_row(Text(summary.profile, "bold"))
        grid.add_row(Padding(Text(", ").join(figures), (0, 0, 0, 2)))
    return grid


def _row(summary: Summary) -> list[tuple[str, str]]:
    """The cells of a profile, with the names of their columns."""
    return [
        ("profile", summary.profile),
        ("success", f"{summary.success:.1%}"),
        ("first try", f"{summary.first_success:.1%}"),
        ("cost", formats.money(summary.cost_nanodollars // summary.runs)),
        ("time", formats.duration(summary.latency)),
        ("p95", formats.duration(summary.latency_p95)),
        ("quality", "-" if summary.quality is None else f"{summary.quality:.2f}"),
        ("nothing fits", str(summary.unrouted) if summary.unrouted else ""),
    ]


def _best(summaries: Sequence[Summary]) -> set[tuple[str, str]]:
    """The cells to point out: the best of their column, where not all are the same."""
    served = [summary for summary in summaries if summary.spread]
    found: set[tuple[str, str]] = set()
    for head, sign, values in (
        ("success", 1, [summary.success for summary in served]),
        ("cost", -1, [summary.cost_nanodollars / summary.runs for summary in served]),
        ("time", -1, [summary.latency or 0.0 for summary in served]),
        ("quality", 1, [summary.quality or 0.0 for summary in served]),
    ):
        if len(set(values)) > 1:
            top = max(sign * value for value in values)
            found |= {(one.profile, head) for one, value in zip(served, values, strict=True) if sign * value == top}
    return found


def summary_json(summary: Summary) -> dict[str, Any]:
    """One element of `strategies` in `bench strategies --json`."""
    total = to_dollars(summary.cost_nanodollars)
    return {
        "profile": summary.profile,
        "runs": summary.runs,
        "unrouted": summary.unrouted,
        "success_rate": summary.success,
        "first_success_rate": summary.first_success,
        "cost_usd": float(total / summary.runs),
        "total_cost_usd": float(total),
        "latency_ms": milliseconds(summary.latency),
        "latency_p95_ms": milliseconds(summary.latency_p95),
        "quality": summary.quality,
        "spread": dict(summary.spread),
    }
