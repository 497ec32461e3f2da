"""Flow control and batching on the worker's side of the link."""

import asyncio

import pytest

from provider_workers.backends.base import Reasoning, Text
from provider_workers.credit import Credit
from provider_workers.link.frames import attempt_frame, draining
from provider_workers.link.outbox import Outbox
from service_common.packing import LARGEST_MESSAGE
from trunkline.worker.v1.worker_service_pb2 import AttachRequest


async def sent(outbox: Outbox) -> list[AttachRequest]:
    """Everything that is queued, as messages."""
    messages: list[AttachRequest] = []

    async def write(message: bytes) -> None:
        messages.append(AttachRequest.FromString(message))

    outbox.close()
    await outbox.drain_to(write)
    return messages


async def test_what_is_queued_in_one_turn_travels_in_one_message() -> None:
    """Frames of one turn of the event loop cost one write."""
    outbox = Outbox()
    for attempt in range(10):
        outbox.data(attempt_frame(attempt, Text("word")))
    [message] = await sent(outbox)
    assert len(message.frames) == 10


async def test_waiting_text_of_one_attempt_is_joined() -> None:
    """Adjacent text of one attempt becomes one frame; other attempts and other kinds keep their order."""
    outbox = Outbox()
    reports: list[tuple[int, Text | Reasoning]] = [(1, Text("a")), (1, Text("b")), (2, Text("x"))]
    for attempt, report in [*reports, (1, Reasoning("c")), (1, Text("d"))]:
        outbox.data(attempt_frame(attempt, report))
    [message] = await sent(outbox)
    said = [frame.attempt_event for frame in message.frames]
    assert [(event.attempt_id, event.text_delta or event.reasoning_delta) for event in said] == [
        (1, "ab"),
        (2, "x"),
        (1, "c"),
        (1, "d"),
    ]


async def test_control_overtakes_data() -> None:
    """A frame of control is sent before the data that waits."""
    outbox = Outbox()
    outbox.data(attempt_frame(1, Text("word")))
    outbox.control(draining("stopping"))
    [message] = await sent(outbox)
    assert [frame.WhichOneof("frame") for frame in message.frames] == ["draining", "attempt_event"]


async def test_no_message_is_larger_than_the_link_allows() -> None:
    """Many frames are spread over messages of at most 64 KiB, and none is lost."""
    outbox = Outbox()
    for attempt in range(40):
        outbox.data(attempt_frame(attempt, Text("x" * 10_000)))
    messages = await sent(outbox)
    assert max(message.ByteSize() for message in messages) <= LARGEST_MESSAGE
    assert sum(len(message.frames) for message in messages) == 40


async def test_credit_runs_out_and_is_renewed() -> None:
    """Credit that is used up is waited for until the router grants more."""
    credit = Credit(10)
    credit.take(10)
    waiting = asyncio.create_task(credit.more())
    await asyncio.sleep(0)
    assert not waiting.done()
    credit.add(5)
    await asyncio.wait_for(waiting, 1)
    assert credit.available == 5


def test_credit_cannot_be_overdrawn() -> None:
    """Taking more than was granted is a mistake of the worker, and said."""
    with pytest.raises(ValueError, match="credit"):
        Credit(3).take(4)
