"""What waits for one worker, joined into messages."""

from router_service.server.worker_outbox import WorkerOutbox
from service_common.clock import SystemClock
from service_common.packing import LARGEST_MESSAGE
from tests.support.link_parts import order, spec
from trunkline.worker.v1 import worker_service_pb2 as pb


async def test_control_goes_before_work_and_no_message_is_too_long() -> None:
    """However many wait, and wherever a message is full: a dispatch never overtakes a frame of control."""
    clock = SystemClock()
    outbox = WorkerOutbox(clock)
    outbox.send_dispatch(9_999, order(clock, spec("a/m")), 1)
    for attempt_id in range(1, 3_000):
        outbox.send_cancel(attempt_id, "no longer wanted")
        outbox.send_credit(attempt_id, 10)
    outbox.send_drain(1.0, "x" * 60_000)
    outbox.send_dispatch(10_000, order(clock, spec("a/m")), 1)
    messages = []
    async for data in outbox.messages():
        assert len(data) <= LARGEST_MESSAGE
        messages.append(pb.AttachResponse.FromString(data))
        if messages[-1].frames[-1].dispatch.attempt_id == 10_000:
            break
    kinds = [frame.WhichOneof("frame") for message in messages for frame in message.frames]
    assert len(messages) > 2
    assert kinds[-2:] == ["dispatch", "dispatch"]
    assert "dispatch" not in kinds[:-2]
    assert kinds.count("cancel") == kinds.count("credit") == 2_999


async def test_a_cancel_follows_its_own_dispatch() -> None:
    """The worker must know what it is to stop."""
    clock = SystemClock()
    outbox = WorkerOutbox(clock)
    outbox.send_dispatch(1, order(clock, spec("a/m")), 1)
    outbox.send_cancel(1, "no longer wanted")
    outbox.send_cancel(2, "no longer wanted")
    message = pb.AttachResponse.FromString(await anext(outbox.messages()))
    assert [frame.WhichOneof("frame") for frame in message.frames] == ["cancel", "dispatch", "cancel"]
    assert [message.frames[0].cancel.attempt_id, message.frames[2].cancel.attempt_id] == [2, 1]


async def test_a_cancel_overtakes_what_was_not_sent_of_others() -> None:
    """Where work needs several messages: it waits only for a dispatch of its own that waits as well."""
    clock = SystemClock()
    outbox = WorkerOutbox(clock)
    for attempt_id in (1, 2, 3):
        outbox.send_dispatch(attempt_id, order(clock, spec("a/m"), body=b"x" * 40_000), 1)
    messages = outbox.messages()
    sent = [pb.AttachResponse.FromString(await anext(messages))]
    outbox.send_cancel(1, "no longer wanted")
    outbox.send_cancel(2, "no longer wanted")
    sent += [pb.AttachResponse.FromString(await anext(messages)) for _ in range(2)]
    frames = [frame for message in sent for frame in message.frames]
    said = [(frame.WhichOneof("frame"), frame.dispatch.attempt_id or frame.cancel.attempt_id) for frame in frames]
    assert said == [("dispatch", 1), ("cancel", 1), ("dispatch", 2), ("dispatch", 3), ("cancel", 2)]
