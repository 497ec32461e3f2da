"""What a pull tells whoever asked for it: how far it is, and whether the model came."""

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from functools import partial

import pytest

from router_service.calls.errands import Errands
from router_service.calls.pulling import Pulls
from router_service.contracts.dispatch import AttemptOrder
from router_service.contracts.engine import Engine
from router_service.domain.attempt import Answer, Failure
from router_service.domain.errors import CallFailed
from router_service.domain.signals import Failed, Finished, PullProgressed
from service_common.failures import FailureClass
from service_common.vocabulary import FinishReason, Operation
from tests.support.fakes import KeptLink
from tests.support.link_parts import Parts, catalogue, hello, spec

PROGRESS = PullProgressed("pulling manifest", 1, 10)
BROKEN = Failed(Failure(FailureClass.UNAVAILABLE, "disk full"), None)
DONE = Finished(Answer(FinishReason.STOP), None)


class Link(KeptLink):
    """The link of a worker that may answer as soon as it is asked.

    Attributes:
        answers: called after each dispatch.
    """

    def __init__(self) -> None:
        """Answer nothing."""
        super().__init__()
        self.answers: Callable[[], None] = lambda: None

    def send_dispatch(self, attempt_id: int, order: AttemptOrder, credit: int) -> None:
        """See `SessionLink.send_dispatch`."""
        super().send_dispatch(attempt_id, order, credit)
        self.answers()


class Puller:
    """A worker of `a/m`, what it is asked, and the pulls that it is asked for."""

    def __init__(self) -> None:
        """Nothing is asked yet."""
        self.parts = Parts(catalogue(spec("a/m")))
        self.link = Link()
        self.session = self.parts.link.attach(hello("w", "a", ("m",)), self.link, "peer")
        self.errands = Errands(self.parts.registry, self.parts.clock)
        self.pulls = Pulls(self.errands, _no_engine, self.parts.table)

    def say(self, *signals: PullProgressed | Finished | Failed) -> None:
        """The worker's words on all that it was asked."""
        for attempt_id in self.link.dispatched:
            for signal in signals:
                self.parts.link.deliver(self.session, attempt_id, signal)

    async def asked(self) -> None:
        """Wait until the worker is asked."""
        while not self.link.dispatched:  # noqa: ASYNC110
            await asyncio.sleep(0)


def _no_engine() -> Engine:
    raise AssertionError("the table has the target")


async def test_a_pull_that_fails_while_progress_is_told_has_failed() -> None:
    """The worker's last word comes while the caller takes the progress before it: it is read all the same."""
    puller = Puller()
    async with asyncio.timeout(5), aclosing(puller.pulls.pull("a/m", 60.0)) as progress:
        first = asyncio.ensure_future(anext(progress))
        await puller.asked()
        puller.say(PROGRESS)
        assert await first == PROGRESS
        puller.say(BROKEN)
        with pytest.raises(CallFailed, match="disk full"):
            await anext(progress)


async def test_a_pull_that_is_done_while_progress_is_told_is_done() -> None:
    """What came last before the end is told too."""
    puller = Puller()
    async with asyncio.timeout(5), aclosing(puller.pulls.pull("a/m", 60.0)) as progress:
        first = asyncio.ensure_future(anext(progress))
        await puller.asked()
        puller.say(PROGRESS)
        await first
        later = PullProgressed("verifying", 10, 10)
        puller.say(later, DONE)
        assert [told async for told in progress] == [later]


@pytest.mark.parametrize(("last", "expected"), [(BROKEN, BROKEN.failure), (DONE, None)])
async def test_an_errand_that_has_ended_before_it_is_read(last: Finished | Failed, expected: Failure | None) -> None:
    """Its last word is its result."""
    puller = Puller()
    puller.link.answers = partial(puller.say, last)
    result = await puller.errands.result(puller.parts.catalogue.targets["a/m"], Operation.PROBE, 60.0)
    assert result == expected
