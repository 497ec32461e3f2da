"""One attached worker per kind for the whole suite: starting one takes seconds with litellm."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.support.conformance import Bench, Kind, bench, kinds


@pytest_asyncio.fixture(
    scope="session", loop_scope="session", params=[pytest.param(kind, id=kind.name) for kind in kinds()]
)
async def attached(request: pytest.FixtureRequest) -> AsyncIterator[Bench]:
    """The worker and its provider."""
    kind: Kind = request.param
    async with bench(kind) as made:
        yield made


@pytest_asyncio.fixture(loop_scope="session")
async def worker(attached: Bench) -> Bench:
    """The worker, started anew where it has ended, with a provider that behaves.

    A port that the test before had closed is opened by the loop.
    """
    attached.behave()
    attached.sim.clear_requests()
    await attached.revive()
    return attached
