"""Decisions, as the client sees them, for tests of what is shown of them."""

from collections.abc import Sequence

from rich.console import Console, RenderableType

from trunkline.decisions import Candidate, Classification, Decision, Rejection, ScorerValue, Vote

ASKED = Classification(
    task="simple_qa",
    complexity="simple",
    sensitivity="internal",
    input_tokens=12,
    expected_output_tokens=120,
    needed_capabilities=(),
    detected_sensitive_kinds=(),
    domain="",
    given_by_caller=(),
)


def candidate(
    target: str, score: float, *, scorers: Sequence[str] = ("quality", "cost"), raw: float | None = None
) -> Candidate:
    """An admitted target; each scorer gives it `score`."""
    weight = 1 / len(scorers)
    return Candidate(
        target=target,
        score=score,
        scores=tuple(ScorerValue(name, score, weight, raw) for name in scorers),
        expected_cost_nanodollars=200_000,
        expected_latency=2.1,
        expected_first_token=0.4,
        simulated=False,
    )


def decision(
    candidates: Sequence[Candidate] = (),
    rejections: Sequence[Rejection] = (),
    plan: Sequence[str] = (),
    *,
    picker: str = "best",
    rule: str = "",
    votes: Sequence[Vote] = (),
    warnings: Sequence[str] = (),
) -> Decision:
    """A decision of profile balanced."""
    return Decision(
        decision_id="d1",
        trace_id="",
        decided_at=None,
        profile="balanced",
        picker=picker,
        requested_model="",
        classification=ASKED,
        candidates=tuple(candidates),
        rejections=tuple(rejections),
        plan=tuple(plan),
        warnings=tuple(warnings),
        matched_rule=rule,
        votes=tuple(votes),
        configuration_version="1",
    )


def shown(renderable: RenderableType, width: int = 100) -> list[str]:
    """The lines that a screen of that width shows, without trailing blanks."""
    console = Console(width=width, highlight=False, markup=False, emoji=False, color_system=None)
    with console.capture() as capture:
        console.print(renderable)
    return [line.rstrip() for line in capture.get().splitlines()]


def words(lines: Sequence[str]) -> list[str]:
    """The lines with single blanks."""
    return [" ".join(line.split()) for line in lines]
