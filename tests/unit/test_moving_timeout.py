"""A timeout whose moment moves: when it strikes, and what it leaves alone."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from service_common.moving_timeout import MovingTimeout

SOON = 0.02
LONG = 10.0


@pytest.fixture
async def timeout() -> AsyncIterator[MovingTimeout]:
    """One that is closed in the end."""
    made = MovingTimeout()
    yield made
    made.close()


def after(seconds: float) -> float:
    """That moment on the loop's clock."""
    return asyncio.get_running_loop().time() + seconds


async def test_the_moment_ends_the_block(timeout: MovingTimeout) -> None:
    """What still waits when the moment comes is cancelled and reported as a time-out."""
    with pytest.raises(TimeoutError):
        async with timeout.until(after(SOON)):
            await asyncio.sleep(LONG)


async def test_a_moment_that_moves_on_does_not_strike(timeout: MovingTimeout) -> None:
    """Moved on before it comes, the old moment passes unnoticed and the new one counts."""
    began = after(0)

    async def moving() -> None:
        async with timeout.until(after(SOON)):
            for _ in range(5):
                await asyncio.sleep(SOON / 2)
                timeout.move(after(2 * SOON))
            await asyncio.sleep(LONG)

    with pytest.raises(TimeoutError):
        await moving()
    assert after(0) - began >= 5 * SOON / 2 + 2 * SOON


async def test_a_moment_can_come_earlier(timeout: MovingTimeout) -> None:
    """Moved forward, it strikes at the earlier moment."""
    began = after(0)

    async def moving() -> None:
        async with timeout.until(after(LONG)):
            timeout.move(after(SOON))
            await asyncio.sleep(LONG)

    with pytest.raises(TimeoutError):
        await moving()
    assert after(0) - began < LONG / 2


async def test_it_serves_again_and_again(timeout: MovingTimeout) -> None:
    """After a block that ended in time and one that did not, the next has its own moment."""
    async with timeout.until(after(SOON)):
        pass
    await asyncio.sleep(2 * SOON)  # nobody is inside when the old moment comes
    with pytest.raises(TimeoutError):
        async with timeout.until(after(SOON)):
            await asyncio.sleep(LONG)
    async with timeout.until(after(LONG)):
        await asyncio.sleep(2 * SOON)


async def test_another_s_cancellation_stays_one(timeout: MovingTimeout) -> None:
    """A task that is cancelled from outside ends as cancelled, not as timed out."""

    async def wait() -> None:
        async with timeout.until(after(LONG)):
            await asyncio.sleep(LONG)

    task = asyncio.create_task(wait())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_past_moment_ends_the_block_at_its_first_wait(timeout: MovingTimeout) -> None:
    """A deadline that has passed already cancels the first wait."""
    with pytest.raises(TimeoutError):
        async with timeout.until(after(-1.0)):
            await asyncio.sleep(LONG)
