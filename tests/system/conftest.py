"""Simulated providers and processes in front of them."""

from collections.abc import AsyncIterator

import pytest

from provider_workers.simulated import ProviderSpec, SimulatedProviders
from tests.support.configurations import FIRST, SECOND, THIRD


@pytest.fixture
async def simulated() -> AsyncIterator[SimulatedProviders]:
    """The providers that the tests' configurations name."""
    specs = [ProviderSpec(target.backend, models=(target.model,)) for target in (FIRST, SECOND, THIRD)]
    async with SimulatedProviders(specs, seed=1) as providers:
        yield providers
