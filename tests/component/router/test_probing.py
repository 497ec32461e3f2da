"""The Ollama that the automatic configuration is made of, asked over real HTTP."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from provider_workers.simulated import ProviderSpec, SimulatedProviders
from router_service.config.probing import ollama_models


@pytest.fixture
async def base_url() -> AsyncIterator[str]:
    """An Ollama with a model that has no tag of its own, and one with a tag."""
    async with SimulatedProviders([ProviderSpec("ollama", models=("llama3.1", "qwen3:8b"))]) as providers:
        yield providers.base_url("ollama")


async def test_models_are_named_as_discovery_names_them(base_url: str) -> None:
    """Ollama lists `llama3.1:latest`; a model would have two names, by how the configuration was made."""
    assert await asyncio.to_thread(ollama_models, {"OLLAMA_BASE_URL": base_url}) == ("llama3.1", "qwen3:8b")


async def test_an_address_that_does_not_answer_is_no_ollama() -> None:
    """No Ollama and one without models are not the same."""
    assert await asyncio.to_thread(ollama_models, {"OLLAMA_BASE_URL": "http://127.0.0.1:9"}) is None


async def test_a_data_file_of_ones_own_says_where_it_is(base_url: str, tmp_path: Path) -> None:
    """As the configuration that is made then says."""
    file = tmp_path / "mine.yaml"
    file.write_text(f"providers: {{ollama: {{base_url: '{base_url}'}}}}")
    assert await asyncio.to_thread(ollama_models, {"TRUNKLINE_PROVIDERS": str(file)}) == ("llama3.1", "qwen3:8b")
