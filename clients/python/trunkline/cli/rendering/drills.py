"""Fallback drills, for people and for programs."""

from collections.abc import Iterable, Sequence
from typing import Any

from rich.text import Text

from trunkline.cli.rendering import formats
from trunkline.operations import DrillResult, DrillStep

DEFAULT_ROUTE = "(no model named)"


def step_line(step: DrillStep) -> Text:
    """Who was made to fail, and who answered."""
    failed = f"without {', '.join(step.failed_targets)}" if step.failed_targets else "with every target"
    line = Text(f"  {failed}: ")
    if step.answered_by:
        took = f"{formats.duration(step.latency)}, {formats.money(step.cost_nanodollars)}"
        line.append(f"{step.answered_by} answered").append(f"   {took}", "dim")
    if step.problem:
        line.append("   " if step.answered_by else "").append(step.problem, "red")
    return line


def verdict_line(alias: str, steps: Sequence[DrillStep]) -> Text:
    """Whether the alias's chain holds."""
    name = Text(alias or DEFAULT_ROUTE, "bold")
    if holds(steps):
        return name.append(" holds", "green")
    return name.append(" does not hold", "red")


def result_lines(results: Iterable[DrillResult]) -> list[Text]:
    """What the newest drill of each alias came to."""
    lines = []
    for result in results:
        line = Text("drill ").append(result.alias or DEFAULT_ROUTE, "bold")
        line.append(" holds" if result.holds else " does not hold", "green" if result.holds else "red")
        line.append(f"   {formats.ago(result.drilled_at)}", "dim")
        lines.append(line.append(f"   {result.problem}" if result.problem else "", "red"))
    return lines


def holds(steps: Iterable[DrillStep]) -> bool:
    """Whether nothing went wrong."""
    return not any(step.problem for step in steps)


def drill_json(steps: Sequence[DrillStep]) -> dict[str, Any]:
    """A drill, with each step; money in dollars as text."""
    return {
        "holds": holds(steps),
        "cost_usd": str(sum(step.cost_usd for step in steps)),
        "steps": [_step_json(step) for step in steps],
    }


def _step_json(step: DrillStep) -> dict[str, Any]:
    return {
        "alias": step.alias,
        "failed_targets": list(step.failed_targets),
        "answered_by": step.answered_by,
        "problem": step.problem,
        "expected_cost_usd": str(step.expected_cost_usd),
        "cost_usd": str(step.cost_usd),
        "latency_seconds": step.latency,
    }
