"""Statistics of targets, for people and as JSON."""

from collections.abc import Sequence
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from trunkline.cli.rendering import formats
from trunkline.cli.rendering.tables import Listing
from trunkline.operations import LatencySummary, TargetStatistics

FIGURES = ("calls", "ok", "first p50", "p95", "total p50", "p95", "tok/s", "tokens in", "out", "spent", "quality")


def statistics_table(found: Sequence[TargetStatistics]) -> RenderableType:
    """One row per target; below it, how its attempts failed."""
    if not found:
        return Text("no targets: no worker is attached and the configuration names no model", "yellow")
    table = Listing(["target"], FIGURES)
    for each in found:
        failures = sorted(each.failures.items(), key=lambda item: -item[1])
        table.add([Text(cell) for cell in _cells(each)], ", ".join(f"{name} {count}" for name, count in failures))
    return table


def _cells(each: TargetStatistics) -> list[str]:
    """One row's cells."""
    return [
        each.target,
        str(each.attempts),
        f"{each.successes / each.attempts:.0%}" if each.attempts else "-",
        formats.duration(each.first_token.p50),
        formats.duration(each.first_token.p95),
        formats.duration(each.latency.p50),
        formats.duration(each.latency.p95),
        formats.tokens(round(each.tokens_per_second)) if each.tokens_per_second else "-",
        formats.tokens(each.input_tokens),
        formats.tokens(each.output_tokens),
        formats.money(each.spent_nanodollars),
        "-" if each.reported_quality is None else f"{each.reported_quality:.2f}",
    ]


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
