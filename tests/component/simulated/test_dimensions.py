"""Simulated providers have the models that they stand for, with vectors as long as theirs."""

import pytest

from provider_workers.simulated import SimulatedProviders
from provider_workers.simulated.catalogue import model_named
from provider_workers.simulated.spec import DEFAULT_MODELS
from service_common.configuration.providers import load_providers
from service_common.facts import FactsTable
from tests.component.simulated.raw_http import post


@pytest.mark.parametrize(
    ("provider", "path", "body", "dimensions"),
    [
        ("openai", "/embeddings", {"model": "text-embedding-3-small", "input": ["a"]}, 1536),
        ("openai", "/embeddings", {"model": "text-embedding-3-small", "input": ["a"], "dimensions": 256}, 256),
        ("ollama", "/api/embed", {"model": "nomic-embed-text", "input": ["a"]}, 768),
    ],
)
async def test_a_vector_is_as_long_as_asked_or_as_the_model_makes_it(
    sim: SimulatedProviders, provider: str, path: str, body: dict[str, object], dimensions: int
) -> None:
    """The length that callers find in the facts, unless they ask for another one."""
    answer = (await post(f"{sim.base_url(provider)}{path}", body)).json()
    vector = answer["data"][0]["embedding"] if "data" in answer else answer["embeddings"][0]
    assert len(vector) == dimensions


def test_simulated_models_agree_with_the_facts() -> None:
    """What the simulation sends is what the table of facts says, wherever it says it."""
    facts = FactsTable.load()
    known = {
        name: model.dimensions
        for provider, names in DEFAULT_MODELS.items()
        for name in names
        if (model := facts.lookup(provider, name)) is not None and model.dimensions
    }
    assert "text-embedding-3-small" in known
    assert {name: model_named(name).dimensions for name in known} == known


def test_simulated_providers_have_the_models_that_are_used_by_default() -> None:
    """So that the address of a provider may lead to a simulation of it, without a configuration."""
    entries = load_providers()["providers"]
    used = {name: {*entry.get("models", ()), *entry.get("simulated", ())} for name, entry in entries.items()}
    lacking = {name: used[name].difference(models) for name, models in DEFAULT_MODELS.items() if name in used}
    assert not any(lacking.values()), lacking
    assert {"groq", "deepseek", "anthropic"} <= set(lacking)
