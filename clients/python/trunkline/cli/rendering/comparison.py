"""Profiles side by side: each target's score and place under each, and what each profile chooses."""

from typing import Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from trunkline.cli.comparison import Comparison
from trunkline.cli.rendering import formats
from trunkline.cli.rendering.as_json import decision_json, milliseconds
from trunkline.cli.rendering.decision import classification_line
from trunkline.cli.rendering.fitting import Fitting
from trunkline.cli.rendering.marks import simulated_line


def comparison_screen(comparison: Comparison) -> RenderableType:
    """The scores as a table, and below it what each profile chooses."""
    first = next(iter(comparison.decisions.values()))
    found = (comparison.expectations(target) for target in comparison.targets)
    simulated = [entry.target for entry in found if entry is not None and entry.simulated]
    parts: list[RenderableType] = [classification_line(first.classification), Text()]
    if comparison.targets:
        parts += [Fitting(_scores(comparison), _scores_folded(comparison)), Text()]
    parts.append(_choices(comparison))
    if comparison.rejected_by_all:
        parts.append(Text(f"removed by all: {', '.join(comparison.rejected_by_all)}", "dim"))
    return Group(*parts, *simulated_line(simulated))


def _scores(comparison: Comparison) -> Table:
    """A row per target: its score and place under each profile, then what is the same under all."""
    grid = Table.grid(padding=(0, 1))
    grid.add_column(overflow="fold")
    for _ in comparison.decisions:
        grid.add_column(justify="right", no_wrap=True)
        grid.add_column(no_wrap=True)
    for _ in range(3):
        grid.add_column(justify="right", no_wrap=True)
    profiles = (head for profile in comparison.decisions for head in (profile, ""))
    grid.add_row("", *(Text(head, "dim") for head in (*profiles, "quality", "expected", "")))
    for target in comparison.targets:
        cells = (cell for profile in comparison.decisions for cell in _score(comparison, profile, target))
        grid.add_row(target, *cells, *_expected(comparison, target))
    return grid


def _scores_folded(comparison: Comparison) -> Table:
    """The same for narrow screens: the scores stand below each target."""
    grid = Table.grid()
    grid.add_column(overflow="fold")
    for target in comparison.targets:
        quality, cost, latency = _expected(comparison, target)
        grid.add_row(Text.assemble((target, "bold"), f"  {cost}, {latency}, quality {quality}"))
        cells = (
            Text(f"{profile} ").append_text(
                Text(" ").join(cell for cell in _score(comparison, profile, target) if cell)
            )
            for profile in comparison.decisions
        )
        grid.add_row(Padding(Text(", ").join(cells), (0, 0, 0, 2)))
    return grid


def _score(comparison: Comparison, profile: str, target: str) -> tuple[Text, Text]:
    """A target's score under a profile, and its place in the plan: `0.74` and `#1`."""
    candidate = comparison.candidate(profile, target)
    if candidate is None:
        return Text("removed", "dim"), Text()
    plan = comparison.decisions[profile].plan
    place = f"#{plan.index(target) + 1}" if target in plan else ""
    style = "bold green" if place == "#1" else ""
    return Text(f"{candidate.score:.2f}", style), Text(place, style)


def _expected(comparison: Comparison, target: str) -> tuple[Text, Text, Text]:
    """A target's quality, cost and time."""
    quality, candidate = comparison.qualities.get(target), comparison.expectations(target)
    return (
        Text("-" if quality is None else f"{quality:.2f}"),
        Text("-" if candidate is None else formats.money(candidate.expected_cost_nanodollars)),
        Text("-" if candidate is None else formats.duration(candidate.expected_latency)),
    )


def _choices(comparison: Comparison) -> Table:
    """A line per profile: whom it chooses, and what that costs."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    grid.add_column()
    for profile, decision in comparison.decisions.items():
        choice = comparison.choice(profile)
        if choice is None:
            grid.add_row(Text(profile, "dim"), Text("nothing fits", "bold red"), _why_not(decision.warnings))
            continue
        quality, cost, latency = _expected(comparison, choice.target)
        words = f"{cost}, {latency}, quality {quality}"
        steered = f"; steered by {decision.matched_rule}" if decision.matched_rule else ""
        grid.add_row(Text(profile, "dim"), Text(choice.target, "bold"), f"{words}{steered}")
    return grid


def _why_not(warnings: tuple[str, ...]) -> Text:
    """What would help, where nothing fits."""
    return Text("; ".join(warnings), "yellow")


def comparison_json(comparison: Comparison) -> dict[str, Any]:
    """The object of `route --compare --json`: each profile's choice and its whole decision."""
    return {"profiles": {profile: _profile_json(comparison, profile) for profile in comparison.decisions}}


def _profile_json(comparison: Comparison, profile: str) -> dict[str, Any]:
    """One profile."""
    choice = comparison.choice(profile)
    return {
        "choice": None if choice is None else choice.target,
        "score": None if choice is None else choice.score,
        "expected_cost_usd": None if choice is None else float(choice.expected_cost_usd),
        "expected_latency_ms": None if choice is None else milliseconds(choice.expected_latency),
        "quality": None if choice is None else comparison.qualities.get(choice.target),
        "decision": decision_json(comparison.decisions[profile]),
    }
