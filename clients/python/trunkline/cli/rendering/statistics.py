"""Statistics of targets, for people and as JSON."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from trunkline.cli.rendering import formats
from trunkline.cli.rendering.fitting import Fitting
from trunkline.cli.rendering.tables import Listing
from trunkline.operations import LatencySummary, TargetStatistics

LEGEND = "first, total: median and 95th percentile of the newest 1,000; in, out: tokens; the rest since the start"


@dataclass(frozen=True, slots=True)
class _Figure:
    """A column: its head, what stands in it, and whether screens of 100 columns have room for it."""

    head: str
    of: Callable[[TargetStatistics], str]
    always: bool = True


FIGURES = (
    _Figure("calls", lambda each: str(each.attempts)),
    _Figure("failed", lambda each: str(each.attempts - each.successes)),
    _Figure("first", lambda each: formats.duration(each.first_token.p50)),
    _Figure("p95", lambda each: formats.duration(each.first_token.p95)),
    _Figure("total", lambda each: formats.duration(each.latency.p50)),
    _Figure("p95", lambda each: formats.duration(each.latency.p95)),
    _Figure("tok/s", lambda each: formats.rate(each.tokens_per_second), always=False),
    _Figure("in", lambda each: formats.tokens(each.input_tokens)),
    _Figure("out", lambda each: formats.tokens(each.output_tokens)),
    _Figure("spent", lambda each: formats.money(each.spent_nanodollars)),
    _Figure(
        "quality",
        lambda each: "-" if each.reported_quality is None else f"{each.reported_quality:.2f}",
        always=False,
    ),
)


def statistics_table(found: Sequence[TargetStatistics]) -> RenderableType:
    """One row per target; below it, how its attempts failed."""
    if not found:
        return Text("no targets: no worker is attached and the configuration names no model", "yellow")
    narrow = [figure for figure in FIGURES if figure.always]
    return Group(Fitting(_listing(found, FIGURES), _listing(found, narrow)), Text(LEGEND, "dim"))


def _listing(found: Sequence[TargetStatistics], figures: Sequence[_Figure]) -> Listing:
    listing = Listing(["target"], [figure.head for figure in figures])
    for each in found:
        failures = sorted(each.failures.items(), key=lambda item: -item[1])
        remark = ", ".join(f"{name} {count}" for name, count in failures)
        listing.add([Text(each.target), *(Text(figure.of(each)) for figure in figures)], remark)
    return listing


def statistics_json(each: TargetStatistics) -> dict[str, Any]:
    """One element of `stats --json`."""
    return {
        "target": each.target,
        "attempts": each.attempts,
        "successes": each.successes,
        "failures": dict(each.failures),
        "latency": _summary_json(each.latency),
        "first_token": _summary_json(each.first_token),
        "tokens_per_second": each.tokens_per_second,
        "spent_usd": float(each.spent_usd),
        "input_tokens": each.input_tokens,
        "output_tokens": each.output_tokens,
        "reported_quality": each.reported_quality,
    }


def _summary_json(summary: LatencySummary) -> dict[str, Any]:
    """A window; times in milliseconds."""
    times = {"mean_ms": summary.mean, "p50_ms": summary.p50, "p95_ms": summary.p95}
    shown = {name: None if value is None else round(value * 1000, 3) for name, value in times.items()}
    return {"samples": summary.samples, **shown}
