"""A decision for people: what was found out, the funnel, the candidates with their scores, the rejections."""

import re
from collections.abc import Iterable, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from trunkline.cli.rendering import formats
from trunkline.cli.rendering.fitting import Fitting
from trunkline.cli.rendering.funnel import funnel
from trunkline.cli.rendering.marks import simulated_line
from trunkline.decisions import Candidate, Classification, Decision, Rejection

_FLAGS = {
    "max_cost": "--max-cost",
    "max_cost_per_1k": "--max-cost-per-1k",
    "max_latency": "--max-latency",
    "required_quality": "--quality",
    "min_context": "--min-context",
    "max_output_tokens": "--max-tokens",
}
_ANY_REGION = "region_required false"
_LIMIT = re.compile(rf"\b({'|'.join(_FLAGS)})\b(?= \d)")


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
    parts: list[RenderableType] = [classification_line(decision.classification)]
    if decision.matched_rule:
        parts.append(Text(f"steered by {decision.matched_rule}", "cyan"))
    if decision.plan:
        parts += _warnings(decision)
    parts += [Text(), funnel(decision), Text()]
    targets = [entry.target for entry in decision.candidates] + [entry.target for entry in decision.rejections]
    width = max(map(len, targets), default=0)
    if decision.candidates:
        parts.append(Fitting(_candidates(decision, width), _candidates_folded(decision)))
    if decision.rejections:
        parts.append(Fitting(_rejections(decision.rejections, width), _rejections_folded(decision.rejections)))
    if not decision.plan:  # then the warnings name the nearest relaxation: the last thing to read
        parts += [Text(), *_warnings(decision)]
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
    words.append(f"about {formats.plural(found.input_tokens, 'token')} in, {found.expected_output_tokens} out")
    return Text(" · ".join(words), "cyan")


def _simulated(decision: Decision) -> list[Text]:
    """Which backends are simulated, where any is."""
    return simulated_line(candidate.target for candidate in decision.candidates if candidate.simulated)


def _warnings(decision: Decision) -> list[Text]:
    """What the caller should know, apart from what is simulated: a line of its own says so."""
    said = {f"{candidate.target} is simulated" for candidate in decision.candidates if candidate.simulated}
    return [Text(f"note: {_in_flags(warning)}", "yellow") for warning in decision.warnings if warning not in said]


def _place(position: int) -> str:
    """What a place in the plan is called."""
    return "first" if position == 0 else f"fallback {position}"


def _places(decision: Decision) -> dict[str, str]:
    """What the place of each planned target is called."""
    return {target: _place(position) for position, target in enumerate(decision.plan)}


def _candidates(decision: Decision, width: int) -> Table:
    """The candidates, best first, with the profile's weights above their scores."""
    scores = decision.candidates[0].scores
    raw = len(scores) == 1 and scores[0].raw is not None  # one scorer decides alone: its own figure says why
    grid = Table.grid(padding=(0, 2))
    grid.add_column(justify="right", no_wrap=True)
    grid.add_column(min_width=width, no_wrap=True)
    for _ in range(len(scores) + raw + 3):
        grid.add_column(justify="right", no_wrap=True)
    grid.add_column(no_wrap=True)
    grid.add_row("", "", *_dim(value.scorer for value in scores))
    heads = [*(f"{value.weight:.2f}" for value in scores), *(["raw"] if raw else []), "score", "expected"]
    grid.add_row("", *_dim([f"profile {decision.profile}", *heads]))
    places = _places(decision)
    for position, candidate in enumerate(decision.candidates):
        place = places.get(candidate.target, "")
        grid.add_row(
            str(position + 1),
            Text(candidate.target, "bold" if place == "first" else ""),
            *(Text(f"{value.value:.2f}") for value in candidate.scores),
            *([_raw(candidate)] if raw else []),
            *_figures(candidate, place),
        )
    return grid


def _raw(candidate: Candidate) -> Text:
    """The figure of a candidate's only scorer, in the scorer's own unit; a dash where it has none."""
    figure = candidate.scores[0].raw
    return Text("-" if figure is None else formats.figure(figure), "dim")


def _candidates_folded(decision: Decision) -> Table:
    """The same for narrow screens: the scores stand below each candidate."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(justify="right", no_wrap=True)
    grid.add_column(overflow="fold")
    places = _places(decision)
    for position, candidate in enumerate(decision.candidates):
        place = places.get(candidate.target, "")
        head = Text(candidate.target, "bold" if place == "first" else "")
        grid.add_row(str(position + 1), head)
        grid.add_row("", Text("  ").join(cell for cell in _figures(candidate, place) if cell.plain))
        values = (f"{value.scorer} {value.value:.2f} x {value.weight:.2f}" for value in candidate.scores)
        grid.add_row("", Text(" + ".join(values), "dim"))
    return grid


def _figures(candidate: Candidate, place: str) -> list[Text]:
    """A candidate's score, expected cost and time, and its place in the plan."""
    return [
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
        grid.add_row("-", *_dim((rejection.target, rejection.filter, rejection_reason(rejection))))
    return grid


def _rejections_folded(rejections: Sequence[Rejection]) -> Table:
    """The same for narrow screens: the reason stands below each target."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(justify="right", no_wrap=True)
    grid.add_column(overflow="fold")
    for rejection in rejections:
        target, words = _dim((rejection.target, f"{rejection.filter}: {rejection_reason(rejection)}"))
        grid.add_row("-", target)
        grid.add_row("", words)
    return grid


def _dim(cells: Iterable[str]) -> list[Text]:
    return [Text(cell, "dim") for cell in cells]


def rejection_reason(rejection: Rejection) -> str:
    """Why a target was removed, and what would admit it, in the command line's words."""
    if not rejection.relaxation:
        return rejection.reason
    return f"{rejection.reason}; {_in_flags(rejection.relaxation)} would admit it"


def _in_flags(text: str) -> str:
    """`max_cost 0.0004` as `--max-cost 0.0004`: what can be pasted."""
    return _LIMIT.sub(lambda found: _FLAGS[found[0]], text).replace(_ANY_REGION, "leaving out --region-required")
