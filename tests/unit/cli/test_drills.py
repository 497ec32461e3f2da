"""The lines of a drill."""

from trunkline.cli.rendering.drills import step_line
from trunkline.operations import DrillStep


def _line(failed: tuple[str, ...] = (), answered: str = "", problem: str = "", latency: float = 0.0) -> str:
    return str(step_line(DrillStep("fast", failed, answered, problem, 0, 0, latency, "fault" if problem else None)))


def test_a_target_that_no_call_was_sent_to_is_told_by_itself() -> None:
    """No call was made with every target: the line begins with the target that it is about."""
    assert _line(problem="a/x would not answer: health: it is out") == "  a/x would not answer: health: it is out"
    asked = "  with every target: nobody answered: it is over"
    assert _line(problem="nobody answered: it is over", latency=0.2) == asked
    assert _line(answered="a/x", latency=0.2) == "  with every target: a/x answered   200 ms, $0"
    assert _line(("a/x",), problem="nobody answers when a/x fails").startswith("  without a/x: nobody")
