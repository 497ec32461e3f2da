"""Simulated providers, and routers in front of them."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from provider_workers.simulated import ProviderSpec, SimulatedProviders
from tests.support.caller import Caller
from tests.support.configurations import FIRST, LOCAL, SECOND, THIRD, Target, configuration, write_configuration
from tests.support.router_harness import RunningRouter, running_router

Started = AbstractAsyncContextManager[tuple[RunningRouter, Caller]]
Start = Callable[..., Started]


@pytest.fixture
async def simulated() -> AsyncIterator[SimulatedProviders]:
    """The four providers that the tests' configurations name."""
    specs = [ProviderSpec(t.backend, models=(t.model,)) for t in (FIRST, SECOND, THIRD, LOCAL)]
    async with SimulatedProviders(specs, seed=1) as providers:
        yield providers


@pytest.fixture
def start(simulated: SimulatedProviders, tmp_path: Path) -> Start:
    """Starts a router over some targets, in falling quality; keywords are sections of the configuration."""

    @asynccontextmanager
    async def starting(*targets: Target, workers: bool = True, **sections: Any) -> AsyncIterator[Any]:
        content = configuration(targets or (FIRST, SECOND, THIRD), simulated, **sections)
        async with running_router(write_configuration(tmp_path, content), workers=workers) as (router, caller):
            simulated.clear_requests()
            yield router, caller

    return starting


@pytest.fixture
async def caller(start: Start) -> AsyncIterator[Caller]:
    """A caller of a router over the first three targets."""
    async with start() as (_, called):
        yield called


def sent(simulated: SimulatedProviders, backend: str) -> list[str]:
    """The outcomes of the chat requests that a provider received."""
    return [request.outcome for request in simulated.requests(backend) if request.prompt_sha256]
