"""Streams that are cut, broken or oddly delivered: never a short answer that looks whole."""

import pytest

from provider_workers.simulated import Fault
from tests.support.caller import routed
from tests.support.configurations import SECOND
from tests.support.fault_lab import FROM_SECOND, STREAM, UNARY, Lab
from trunkline.router.v1 import router_service_pb2 as pb
from trunkline.types.v1 import chat_pb2 as chat

WORDS = "one two three four five six seven eight nine ten eleven twelve"
PACE = 200
"""Tokens a second: slow enough that text is shown before the stream breaks."""

BREAKS = {
    "cut between chunks": Fault("cut", after_tokens=5),
    "cut in a chunk": Fault("cut_chunked", after_tokens=5),
    "reset": Fault("reset", after_tokens=5),
    "ends without a finish reason": Fault("no_finish_reason"),
    "malformed chunk": Fault("malformed_chunk", after_tokens=5),
    "error inside the stream": Fault("error_in_stream", after_tokens=5),
}
BROKEN = {"STREAM_BROKEN", "UNAVAILABLE", "OVERLOADED"}


@pytest.mark.parametrize("fault", BREAKS.values(), ids=BREAKS.keys())
async def test_a_unary_call_never_gets_a_broken_answer(lab: Lab, fault: Fault) -> None:
    """Nothing was shown, so the next target answers and nothing of the broken answer is left."""
    lab.strike(fault, answer_text=WORDS)
    result = await lab.call(UNARY)
    assert (result.answered_by, result.text) == (SECOND.name, FROM_SECOND)
    assert result.targets == [lab.first.name, SECOND.name]
    assert result.classes[0] in BROKEN


@pytest.mark.parametrize("fault", BREAKS.values(), ids=BREAKS.keys())
async def test_a_stream_that_breaks_after_text_is_an_error(lab: Lab, fault: Fault) -> None:
    """Without a wish for recovery the caller gets an error with the attempt log, and no other target is asked."""
    lab.strike(fault, answer_text=WORDS, tokens_per_second=PACE)
    result = await lab.call(STREAM)
    assert result.failed.reason in BROKEN
    assert result.text
    assert result.targets == [lab.first.name]
    assert lab.received(SECOND) == []


@pytest.mark.parametrize("fault", BREAKS.values(), ids=BREAKS.keys())
async def test_a_stream_that_may_be_reset_gets_a_whole_answer(lab: Lab, fault: Fault) -> None:
    """One reset voids the text that was shown; what is left is the next target's answer alone."""
    lab.strike(fault, answer_text=WORDS, tokens_per_second=PACE)
    result = await lab.call(STREAM, routed(stream_recovery=chat.STREAM_RECOVERY_RESET))
    assert (result.answered_by, result.text) == (SECOND.name, FROM_SECOND)
    [reset] = result.resets
    assert (reset.mode, reset.failed_target) == (pb.STREAM_RESET_MODE_RESTART, lab.first.name)


DELIVERIES = {
    "UTF-8 split across chunks": Fault("split_utf8"),
    "gzip": Fault("gzip"),
    "1-byte writes": Fault("one_byte_writes"),
    "giant line": Fault("giant_line", size=2_000_000),
    "slow headers": Fault("slow_headers", seconds=0.3),
    "duplicate finish": Fault("duplicate_finish"),
}


@pytest.mark.parametrize("fault", DELIVERIES.values(), ids=DELIVERIES.keys())
async def test_an_odd_delivery_changes_nothing(lab: Lab, mode: str, fault: Fault) -> None:
    """However the bytes arrive, a whole answer is whole, to the character, from the first target."""
    text = "Grüße aus Zürich: 橋 🌉 naïve café " * 5
    lab.strike(fault, answer_text=text)
    result = await lab.call(mode)
    assert result.answered_by == lab.first.name
    if fault.kind == "giant_line":
        assert len(result.text) >= 2_000_000
    else:
        assert result.text == text
    assert len(result.attempts) == 1


@pytest.mark.parametrize("keep_open", [False, True])
async def test_an_answer_that_only_lacks_its_end_mark_is_whole(lab: Lab, mode: str, keep_open: bool) -> None:
    """It is finalised within a second, with its usage, also where the body stays open."""
    lab.strike(Fault("no_done", keep_open=keep_open), answer_text=WORDS)
    result = await lab.call(mode)
    assert (result.answered_by, result.text) == (lab.first.name, WORDS)
    assert result.took < 1.0
    assert result.completed is not None
    assert result.completed.usage.output_tokens == 12
