"""Fallback drills, for people and for programs."""

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from rich.text import Text

from trunkline.cli.rendering import formats
from trunkline.operations import DrillResult, DrillStep

DEFAULT_ROUTE = "(no model named)"
PROMPT_UNSUITED = "prompt_unsuited"
NO_FALLBACK = "no_fallback"
"""Kinds of problems that say nothing against a chain; any other does. The latter is a verdict, too."""


VERDICTS = {
    "holds": ("holds", "green"),
    NO_FALLBACK: ("has nothing to fall back to", "yellow"),
    "in_part": ("was drilled in part: the prompt does not suit every target; try another --prompt", "yellow"),
    "not_drilled": ("was not drilled: the prompt suits none of its targets; try another --prompt", "red"),
    "fault": ("does not hold", "red"),
}
"""What the drill of one alias came to, as people read it, and its style."""

PASSED = frozenset({"holds", "in_part"})


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


def verdict_line(step: DrillStep) -> Text:
    """What the drill of one alias came to, by its last step."""
    said, style = VERDICTS.get(step.verdict or "", (f"ended: {step.verdict}", "yellow"))
    return Text(step.alias or DEFAULT_ROUTE, "bold").append(f" {said}", style)


def result_lines(results: Iterable[DrillResult]) -> list[Text]:
    """What the newest drill of each alias came to."""
    lines = []
    for result in results:
        line = Text("drill ").append(result.alias or DEFAULT_ROUTE, "bold")
        line.append(" holds" if result.holds else " does not hold", "green" if result.holds else "red")
        line.append(f"   {formats.ago(result.drilled_at)}", "dim")
        lines.append(line.append(f"   {result.problem}" if result.problem else "", "red"))
    return lines


def holds(steps: Sequence[DrillStep], named: Collection[str]) -> bool:
    """Whether every chain that was drilled holds, as far as the prompt could tell.

    An alias that has nobody to stand in counts only where it was named: then that is what was asked. One without a
    verdict was not drilled to its end.
    """
    judged = [step for step in steps if step.verdict]
    passed = (step.verdict in PASSED or (step.verdict == NO_FALLBACK and step.alias not in named) for step in judged)
    return all(passed) and {step.alias for step in steps} == {step.alias for step in judged}


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
        "verdict": step.verdict,
        "expected_cost_usd": float(step.expected_cost_usd),
        "cost_usd": float(step.cost_usd),
        "latency_seconds": step.latency,
    }
