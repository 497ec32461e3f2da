"""What the conformance suite tells of a worker that ends, as a worker in another language may."""

import asyncio

import pytest

from tests.support.conformance import KINDS, bench
from tests.support.worker_harness import WorkerEndedError


async def test_a_worker_that_ends_fails_its_test_alone() -> None:
    """Whoever waits for it is told at once with which status it ended; the next test has another one."""
    async with bench(KINDS[0]) as made:
        tried = made.ask()
        await tried.finished()
        made.process.kill()
        with pytest.raises(WorkerEndedError, match="status -9"):
            await made.worker.until("goodbye")
        with pytest.raises(WorkerEndedError, match="status -9"):
            await made.ask().finished()
        await made.revive()
        await made.ask().finished()


async def test_a_worker_that_cannot_start_is_told_in_its_own_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its status and the end of what it said, not a time-out."""
    monkeypatch.setenv("TRUNKLINE_CONFORMANCE_COMMAND", "sh -c 'echo no such option: --router {router} >&2; exit 2'")
    with pytest.raises(WorkerEndedError, match=r"(?s)status 2.*no such option: --router 127"):
        async with asyncio.timeout(30), bench(KINDS[0]):
            pytest.fail("it is attached")


async def test_a_worker_that_says_much_is_not_held_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its output is read while it runs, so that it never waits for a reader; the last of it is kept."""
    loud = "head -c 300000 /dev/zero | tr '\\0' x >&2; echo last words >&2; exit 3"
    monkeypatch.setenv("TRUNKLINE_CONFORMANCE_COMMAND", f'sh -c "{loud}"')
    with pytest.raises(WorkerEndedError, match=r"(?s)status 3.*last words$"):
        async with asyncio.timeout(30), bench(KINDS[0]):
            pytest.fail("it is attached")
