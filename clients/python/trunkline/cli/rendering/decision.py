"""A decision for people: what was found out, the candidates with their scores, the rejections with their reasons."""

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from trunkline.cli.rendering import formats
from trunkline.cli.rendering.marks import simulated_line
from trunkline.decisions import Candidate, Classification, Decision, Rejection


def decision_summary(decision: Decision) -> RenderableType:
    """Who would be asked, in what order."""
    lines = [classification_line(decision.classification), *_warnings(decision)]
    if not decision.plan:
        lines.append(Text("no target fits; --explain says why each was rejected", "bold red"))
    for position, target in enumerate(decision.plan):
        lines.append(Text.assemble(f"{position + 1:2} ", (target, "bold"), "  ", (_place(position), "dim")))
    return Group(*lines, *_simulated(decision))


def decision_explained(decision: Decision) -> RenderableType:
    """Everything about the decision."""
    parts: list[RenderableType] = [classification_line(decision.classification), *_warnings(decision), Text()]
    if decision.matched_rule:
        parts.insert(1, Text(f"rule {decision.matched_rule}", "dim"))
    targets = [entry.target for entry in decision.candidates] + [entry.target for entry in decision.rejections]
    width = max(map(len, targets), default=0)
    if decision.candidates:
        parts.append(_candidates(decision, width))
    else:
        parts.append(Text(f"   profile {decision.profile}: no target passed the filters", "bold red"))
    if decision.rejections:
        parts.append(_rejections(decision.rejections, width))
    return Group(*parts, *_simulated(decision))


def classification_line(found: Classification) -> Text:
    """`task x · complexity y · ...` on one line."""
    words = [f"task {found.task}", f"complexity {found.complexity}", f"sensitivity {found.sensitivity}"]
    if found.domain:
        words.append(f"domain {found.domain}")
    if found.needed_capabilities:
        words.append(f"needs {', '.join(found.needed_capabilities)}")
    if found.detected_sensitive_kinds:
        words.append(f"found {', '.join(found.detected_sensitive_kinds)}")
    words.append(f"about {found.input_tokens} tokens in, {found.expected_output_tokens} out")
    return Text(" · ".join(words), "cyan")


def _simulated(decision: Decision) -> list[Text]:
    """Which backends are simulated, where any is."""
    return simulated_line(candidate.target for candidate in decision.candidates if candidate.simulated)


def _warnings(decision: Decision) -> list[Text]:
    """What the caller should know, apart from what is simulated: a line of its own says so."""
    said = {f"{candidate.target} is simulated" for candidate in decision.candidates if candidate.simulated}
    return [Text(f"note: {warning}", "yellow") for warning in decision.warnings if warning not in said]


def _place(position: int) -> str:
    """What a place in the plan is called."""
    return "first" if position == 0 else f"fallback {position}"


def _candidates(decision: Decision, width: int) -> Table:
    """The candidates, best first, with the profile's weights above their scores."""
    first = decision.candidates[0]
    grid = Table.grid(padding=(0, 2))
    grid.add_column(justify="right", no_wrap=True)
    grid.add_column(min_width=width, no_wrap=True)
    for _ in range(len(first.scores) + 3):
        grid.add_column(justify="right", no_wrap=True)
    grid.add_column(no_wrap=True)
    grid.add_row("", "", *(Text(value.scorer, "dim") for value in first.scores))
    weights = (Text(f"{value.weight:.2f}", "dim") for value in first.scores)
    heads = (Text(head, "dim") for head in ("score", "expected", ""))
    grid.add_row("", Text(f"profile {decision.profile}", "dim"), *weights, *heads)
    places = {target: _place(position) for position, target in enumerate(decision.plan)}
    for position, candidate in enumerate(decision.candidates):
        grid.add_row(str(position + 1), *_candidate_cells(candidate, places.get(candidate.target, "")))
    return grid


def _candidate_cells(candidate: Candidate, place: str) -> list[Text]:
    """One candidate's cells after its number."""
    return [
        Text(candidate.target, "bold" if place == "first" else ""),
        *(Text(f"{value.value:.2f}") for value in candidate.scores),
        Text(f"{candidate.score:.2f}", "bold"),
        Text(formats.money(candidate.expected_cost_nanodollars)),
        Text(formats.duration(candidate.expected_latency)),
        Text(place, "green" if place == "first" else "dim"),
    ]


def _rejections(rejections: Sequence[Rejection], width: int) -> Table:
    """The rejected targets: filter, reason, and what would admit them."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(justify="right", no_wrap=True)
    grid.add_column(min_width=width, no_wrap=True)
    grid.add_column(no_wrap=True)
    grid.add_column()
    for rejection in rejections:
        reason = f"{rejection.reason}; {rejection.relaxation}" if rejection.relaxation else rejection.reason
        grid.add_row("-", *(Text(cell, "dim") for cell in (rejection.target, rejection.filter, reason)))
    return grid
