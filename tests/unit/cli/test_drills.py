"""The lines of a drill."""

import pytest

from trunkline.cli.rendering.drills import drill_json, holds, step_line, verdict_line
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


def _step(alias: str, verdict: str | None) -> DrillStep:
    return DrillStep(alias, (), "a/x", "", 0, 0, 0.1, None, verdict)


@pytest.mark.parametrize(
    ("verdict", "anyway", "named"),
    [
        ("holds", True, True),
        ("in_part", True, True),
        ("no_fallback", True, False),
        ("not_drilled", False, False),
        ("fault", False, False),
        ("unknown_9", False, False),
        (None, False, False),
    ],
)
def test_the_routers_verdict_decides(verdict: str | None, anyway: bool, named: bool) -> None:
    """An alias without a fallback counts where it was named; one without a verdict was not drilled to its end."""
    steps = [_step("other", None), _step("other", "holds"), _step("fast", verdict)]
    assert (holds(steps, ()), holds(steps, ("fast",))) == (anyway, named)


def test_a_verdict_is_told_in_words() -> None:
    """That of calls which name no model, too, and one that a newer router has."""
    assert str(verdict_line(_step("fast", "fault"))) == "fast does not hold"
    assert str(verdict_line(_step("", "holds"))) == "(no model named) holds"
    assert "unknown_9" in str(verdict_line(_step("fast", "unknown_9")))


def test_json_has_the_verdict_that_holds_goes_by() -> None:
    """On the last step of each alias; on the others null, as the router has not judged yet."""
    told = drill_json([_step("fast", None), _step("fast", "in_part")], ())
    assert told["holds"]
    assert [step["verdict"] for step in told["steps"]] == [None, "in_part"]
