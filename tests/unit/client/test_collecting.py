"""An answer is put together out of a stream's events."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline import (
    Completed,
    Completion,
    Decided,
    ProtocolError,
    ReasoningDelta,
    StreamReset,
    TextDelta,
    ToolCallDelta,
    Usage,
)
from trunkline._collecting import Collector
from trunkline._responses import decision_of
from trunkline.types.v1 import decision_pb2

DECIDED = Decided(decision_of(decision_pb2.Decision(decision_id="d1", plan=["a/b"])))
COMPLETED = Completed(
    Completion("stop", Usage(1, 2), 0, "a/b", (), "d1", "", False, False, "b", "r", 0.1),
)


def collected(*events: object) -> Collector:
    """A collector that has taken the events."""
    collector = Collector()
    for event in events:
        collector.add(event)  # type: ignore[arg-type]
    return collector


@given(st.lists(st.text()))
def test_boundaries_of_deltas_mean_nothing(pieces: list[str]) -> None:
    """However a text is cut, the answer is the whole of it."""
    answer = collected(DECIDED, *map(TextDelta, pieces), COMPLETED).answer()
    assert answer.text == "".join(pieces)


def test_answer_has_text_reasoning_and_decision() -> None:
    """What was thought and said, and why it was routed so, are kept apart."""
    answer = collected(DECIDED, ReasoningDelta("hm"), TextDelta("yes"), COMPLETED).answer()
    assert (answer.reasoning, answer.text, answer.decision.decision_id) == ("hm", "yes", "d1")


def test_tool_calls_are_joined_by_index() -> None:
    """Pieces of two calls may be mixed; each keeps its id, its name and the order of its arguments."""
    answer = collected(
        DECIDED,
        ToolCallDelta(1, "c2", "second", "[1"),
        ToolCallDelta(0, "c1", "first", '{"a"'),
        ToolCallDelta(1, "", "", "]"),
        ToolCallDelta(0, "", "", ": 1}"),
        COMPLETED,
    ).answer()
    assert [(call.id, call.name, call.arguments_json) for call in answer.tool_calls] == [
        ("c1", "first", '{"a": 1}'),
        ("c2", "second", "[1]"),
    ]
    assert answer.tool_calls[0].arguments == {"a": 1}
    with pytest.raises(ValueError, match="not a JSON object"):
        _ = answer.tool_calls[1].arguments


def test_restart_voids_what_was_shown() -> None:
    """After a restart the answer is the second target's alone."""
    answer = collected(
        DECIDED,
        TextDelta("half an"),
        ToolCallDelta(0, "c", "f", "{"),
        StreamReset("restart", "a/b", 0),
        TextDelta("whole"),
        COMPLETED,
    ).answer()
    assert (answer.text, answer.tool_calls) == ("whole", ())


def test_continue_keeps_the_valid_characters() -> None:
    """A seam keeps as many characters as the router says, counted as characters rather than bytes."""
    answer = collected(
        DECIDED, TextDelta("Grüezi mi"), StreamReset("continue", "a/b", 7), TextDelta("mitenand"), COMPLETED
    ).answer()
    assert answer.text == "Grüezi mitenand"


def test_stream_without_its_end_is_no_answer() -> None:
    """A cut stream never looks like a short answer."""
    collector = collected(DECIDED, TextDelta("The answer is"))
    with pytest.raises(ProtocolError, match="after 13 characters"):
        collector.end()
    with pytest.raises(ProtocolError):
        collector.answer()


def test_nothing_may_follow_the_end() -> None:
    """Text after `completed` breaks the contract."""
    with pytest.raises(ProtocolError, match="went on after its end"):
        collected(DECIDED, COMPLETED, TextDelta("more"))
