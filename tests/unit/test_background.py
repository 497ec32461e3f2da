"""What goes on beside the calls survives its own mistakes."""

import asyncio

import pytest

from router_service.background import keep_running


async def test_what_breaks_off_begins_again_and_is_said(caplog: pytest.LogCaptureFixture) -> None:
    """Each mistake is one entry of the log, with its traceback; the work goes on until it is done."""
    begun = 0

    async def work() -> None:
        nonlocal begun
        begun += 1
        if begun < 3:
            raise LookupError(f"nobody foresaw this, time {begun}")

    await keep_running("looking after targets", work, pause=0.0)
    assert begun == 3
    said = [record.getMessage() for record in caplog.records]
    assert said == ["looking after targets broke off, and begins again in 0 s; calls are served"] * 2
    assert "LookupError: nobody foresaw this, time 2" in caplog.text


async def test_mistakes_of_several_tasks_are_one(caplog: pytest.LogCaptureFixture) -> None:
    """Work that is a group of tasks ends as a group, and begins again as one."""
    again = asyncio.Event()

    async def fail() -> None:
        raise LookupError("nobody foresaw this")

    async def work() -> None:
        if caplog.records:
            again.set()
            return
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(fail())
            tasks.create_task(again.wait())

    await keep_running("looking after targets", work, pause=0.0)
    assert again.is_set()


async def test_cancelling_ends_it(caplog: pytest.LogCaptureFixture) -> None:
    """A router that stops cancels it, at work as in a pause; that is no mistake."""
    working = asyncio.create_task(keep_running("working", asyncio.Event().wait))
    await asyncio.sleep(0)
    working.cancel()
    await asyncio.wait([working])
    assert working.cancelled()
    assert caplog.records == []
