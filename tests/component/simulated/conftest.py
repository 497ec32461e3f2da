"""Simulated providers for the tests of this directory: one of each wire."""

from collections.abc import AsyncIterator

import pytest

from provider_workers.simulated import ProviderSpec, SimulatedProviders


@pytest.fixture
async def sim() -> AsyncIterator[SimulatedProviders]:
    """One simulated provider of each wire, and Groq, which speaks the first."""
    names = ("openai", "groq", "ollama", "anthropic", "gemini")
    async with SimulatedProviders([ProviderSpec(name) for name in names], seed=7) as providers:
        yield providers
