"""Fallback drills, for people and for programs."""

from collections.abc import Collection, Iterable, Sequence
from enum import Enum
from typing import Any

from rich.text import Text

from trunkline.cli.rendering import formats
from trunkline.operations import DrillResult, DrillStep

DEFAULT_ROUTE = "(no model named)"
PROMPT_UNSUITED = "prompt_unsuited"
NO_FALLBACK = "no_fallback"
"""Kinds of problems that say nothing against a chain; any other does."""


class Verdict(Enum):
    """What the drill of one alias came to, as people read it."""

    HOLDS = "holds"
    NO_FALLBACK = "has nothing to fall back to"
    IN_PART = "was drilled in part: the prompt does not suit every target; try another --prompt"
    NOT_DRILLED = "was not drilled: the prompt suits none of its targets; try another --prompt"
    FAULT = "does not hold"


VERDICT_STYLES = {
    Verdict.HOLDS: "green",
    Verdict.NO_FALLBACK: "yellow",
    Verdict.IN_PART: "yellow",
    Verdict.NOT_DRILLED: "red",
    Verdict.FAULT: "red",
}


def step_line(step: DrillStep) -> Text:
    """Who was made to fail, and who answered."""
    failed = f"without {', '.join(step.failed_targets)}" if step.failed_targets else "with every target"
    # a problem without a call tells of a target that no call is sent to
    line = Text("  " if step.problem and not step.failed_targets and not step.latency else f"  {failed}: ")
    if step.answered_by:
        took = f"{formats.duration(step.latency)}, {formats.money(step.cost_nanodollars)}"
        line.append(f"{step.answered_by} answered").append(f"   {took}", "dim")
    if step.problem:
        style = "yellow" if step.problem_kind in (PROMPT_UNSUITED, NO_FALLBACK) else "red"
        line.append("   " if step.answered_by else "").append(step.problem, style)
    return line


def verdict_line(alias: str, steps: Sequence[DrillStep]) -> Text:
    """What the drill of one alias came to."""
    verdict = verdict_of(steps)
    return Text(alias or DEFAULT_ROUTE, "bold").append(f" {verdict.value}", VERDICT_STYLES[verdict])


def result_lines(results: Iterable[DrillResult]) -> list[Text]:
    """What the newest drill of each alias came to."""
    lines = []
    for result in results:
        line = Text("drill ").append(result.alias or DEFAULT_ROUTE, "bold")
        line.append(" holds" if result.holds else " does not hold", "green" if result.holds else "red")
        line.append(f"   {formats.ago(result.drilled_at)}", "dim")
        lines.append(line.append(f"   {result.problem}" if result.problem else "", "red"))
    return lines


def verdict_of(steps: Iterable[DrillStep]) -> Verdict:
    """What the drill of one alias came to: the worst of what its steps tell."""
    done = tuple(steps)
    kinds = {step.problem_kind for step in done if step.problem}
    if kinds - {PROMPT_UNSUITED, NO_FALLBACK}:
        return Verdict.FAULT
    if PROMPT_UNSUITED in kinds:
        return Verdict.IN_PART if any(step.answered_by for step in done) else Verdict.NOT_DRILLED
    # where no target had to fail, the step tells of one that stands beside the chain
    alone = any(step.failed_targets for step in done if step.problem_kind == NO_FALLBACK)
    return Verdict.NO_FALLBACK if alone else Verdict.HOLDS


def holds(steps: Iterable[DrillStep], named: Collection[str]) -> bool:
    """Whether every chain that was drilled holds, as far as the prompt could tell.

    An alias that has nobody to stand in counts only where it was named: then that is what was asked.
    """
    by_alias: dict[str, list[DrillStep]] = {}
    for step in steps:
        by_alias.setdefault(step.alias, []).append(step)
    failed = {alias for alias, own in by_alias.items() if verdict_of(own) in (Verdict.FAULT, Verdict.NOT_DRILLED)}
    return not failed and not any(verdict_of(by_alias.get(alias, ())) is Verdict.NO_FALLBACK for alias in named)


def drill_json(steps: Sequence[DrillStep], named: Collection[str]) -> dict[str, Any]:
    """A drill, with each step; money in dollars. `named`: the aliases that were asked for by name."""
    return {
        "holds": holds(steps, named),
        "cost_usd": float(sum(step.cost_usd for step in steps)),
        "steps": [_step_json(step) for step in steps],
    }


def _step_json(step: DrillStep) -> dict[str, Any]:
    return {
        "alias": step.alias,
        "failed_targets": list(step.failed_targets),
        "answered_by": step.answered_by,
        "problem": step.problem,
        "problem_kind": step.problem_kind,
        "expected_cost_usd": float(step.expected_cost_usd),
        "cost_usd": float(step.cost_usd),
        "latency_seconds": step.latency,
    }
