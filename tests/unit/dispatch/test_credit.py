"""Flow control of one attempt, and the bound on uploaded results."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router_service.dispatch.bodies import UploadStore, UploadTooLarge
from router_service.dispatch.credit import CreditLine, delta_size
from router_service.domain.events import ReasoningDelta, TextDelta, ToolCallDelta


@pytest.mark.parametrize(
    ("delta", "size"),
    [(TextDelta("abc"), 3), (ReasoningDelta("é"), 2), (TextDelta("漢"), 3), (ToolCallDelta(0, "id", "name", "{}"), 2)],
)
def test_a_delta_costs_its_bytes(delta: TextDelta | ReasoningDelta | ToolCallDelta, size: int) -> None:
    """UTF-8, as the worker counts."""
    assert delta_size(delta) == size


@given(st.lists(st.integers(1, 64), max_size=200), st.data())
def test_an_honest_worker_is_never_stuck_nor_beyond_its_window(sizes: list[int], data: st.DataObject) -> None:
    """Whenever everything is read, at least half of the window may be sent; unread never exceeds the window."""
    line = CreditLine(64)
    available, unread = 64, 0
    for size in sizes:
        if size > available:
            available, unread = available + line.read(), 0
        if size > available:
            assert available > 32
            size = available
        available -= size
        unread += size
        assert line.receive(size)
        assert unread <= 64
        if data.draw(st.booleans()):
            available, unread = available + line.read(), 0
    available += line.read()
    assert available > 32


def test_a_worker_that_sends_twice_its_window_is_told_apart() -> None:
    """What waited counts together, and no more once it is read."""
    line = CreditLine(64)
    assert line.receive(100)
    line.read()
    assert line.receive(128)
    assert not line.receive(1)


def test_uploads_are_bounded_each_and_together() -> None:
    """What exceeds a bound is dropped whole, and what is taken or dropped frees its room."""
    store = UploadStore(each=10, together=15)
    assert store.append(1, b"x" * 6) == 6
    with pytest.raises(UploadTooLarge, match="larger than 10 bytes"):
        store.append(1, b"x" * 5)
    assert store.size == 0
    store.append(1, b"x" * 10)
    with pytest.raises(UploadTooLarge, match="together"):
        store.append(2, b"x" * 6)
    assert store.take(1) == b"x" * 10
    assert store.take(1) is None
    store.append(2, b"x")
    store.drop(2)
    assert store.size == 0
