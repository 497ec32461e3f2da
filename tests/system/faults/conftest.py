"""One router per test, its first target's provider at the test's mercy."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from provider_workers.simulated import SimulatedProviders
from tests.support.configurations import SECOND, THIRD, Target
from tests.support.fault_lab import KINDS, STREAM, UNARY, Lab, fault_lab, providers

Open = Callable[..., AbstractAsyncContextManager[Lab]]


@pytest.fixture
async def simulated() -> AsyncIterator[SimulatedProviders]:
    """The providers of all targets."""
    async with providers() as running:
        yield running


@pytest.fixture
def open_lab(simulated: SimulatedProviders, tmp_path: Path) -> Open:
    """Starts a router over the targets that it is given."""
    return partial(fault_lab, tmp_path, simulated)


@pytest.fixture(params=list(KINDS))
def first(request: pytest.FixtureRequest) -> Target:
    """The target that misbehaves: one for each kind of worker."""
    return KINDS[request.param]


@pytest.fixture(params=[STREAM, UNARY])
def mode(request: pytest.FixtureRequest) -> Any:
    """How the call is made."""
    return request.param


@pytest.fixture
async def lab(open_lab: Open, first: Target) -> AsyncIterator[Lab]:
    """The misbehaving target and two sound ones."""
    async with open_lab(first, SECOND, THIRD) as opened:
        yield opened
