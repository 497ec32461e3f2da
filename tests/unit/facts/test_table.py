"""The table of model facts, as its users ask it."""

import json
from datetime import date
from importlib import metadata, resources
from typing import Any

import pytest

from service_common.facts import Ability, FactsTable, LongContextPrice, Mode

FILE = resources.files("service_common.facts").joinpath("models.json")


@pytest.fixture(scope="module")
def table() -> FactsTable:
    """The table that the package ships."""
    return FactsTable.load()


def shipped() -> list[str]:
    """The providers that the package's table lists."""
    return list(json.loads(FILE.read_bytes())["providers"])


def test_prices_are_exact_integers(table: FactsTable) -> None:
    """$0.15 and $0.60 a million tokens come out as nano-dollars, with nothing lost on the way."""
    facts = table.lookup("openai", "gpt-4o-mini")
    assert facts is not None
    assert (facts.input_price, facts.output_price, facts.cached_input_price) == (150_000_000, 600_000_000, 75_000_000)
    assert facts.mode is Mode.CHAT
    assert facts.context_window == 128_000
    assert facts.max_output == 16_384
    assert {Ability.VISION, Ability.TOOLS, Ability.JSON_SCHEMA} <= facts.abilities


def test_every_listed_model_is_found_under_its_own_name(table: FactsTable) -> None:
    """Whatever the table lists, a lookup finds that very entry."""
    for provider in shipped():
        for model in table.models(provider):
            facts = table.lookup(provider, model)
            assert facts is not None, (provider, model)
            assert facts.model == model, (provider, model)


def test_prices_are_whole_and_not_negative(table: FactsTable) -> None:
    """Money is integers from here on: no float survives in any row."""
    for provider in shipped():
        for model in table.models(provider):
            facts = table.lookup(provider, model)
            assert facts is not None
            for price in (facts.input_price, facts.output_price, facts.cached_input_price):
                assert price is None or (type(price) is int and price >= 0), (provider, model)


@pytest.mark.parametrize(
    ("provider", "model", "found"),
    [
        ("openai", "openai/gpt-4o", "gpt-4o"),
        ("OpenAI", "gpt-4o", "gpt-4o"),
        ("google", "models/gemini-2.5-pro", "gemini-2.5-pro"),
        ("groq", "openai/gpt-oss-120b", "openai/gpt-oss-120b"),
        ("mistral", "Mistral-Large-Latest", "mistral-large-latest"),
        ("mistral", "mistral-large", "mistral-large-latest"),
        ("openai", "gpt-4o-2031-01-01", "gpt-4o"),
        ("anthropic", "claude-haiku-4-5-latest", "claude-haiku-4-5"),
        ("openai", "ft:gpt-4o-2024-08-06:acme::abc123", "ft:gpt-4o-2024-08-06"),
        ("openrouter", "openai/gpt-4o", "gpt-4o"),
        ("openrouter", "mistralai/mistral-large", "mistral-large-latest"),
    ],
)
def test_names_as_people_write_them(table: FactsTable, provider: str, model: str, found: str) -> None:
    """Prefixes, case, dates, fine-tunes and resellers lead to the entry that bills them."""
    facts = table.lookup(provider, model)
    assert facts is not None
    assert facts.model == found


def test_an_undated_name_means_the_newest_version() -> None:
    """Of several dated versions the latest one answers, whichever way its date is written."""
    rows: dict[str, list[Any]] = {
        "m-20240101": ["chat", 1],
        "m-2025-02-03": ["chat", 2],
        "m-20241231": ["chat", 3],
        "m-mini-20260101": ["chat"],
    }
    facts = FactsTable({"acme": rows}, "0").lookup("acme", "m")
    assert facts is not None
    assert (facts.model, facts.context_window) == ("m-2025-02-03", 2)


@pytest.mark.parametrize("model", ["gpt-4o-minimal", "gpt", "", "gpt-4o-"])
def test_a_name_that_only_resembles_one_is_unknown(table: FactsTable, model: str) -> None:
    """No guess by similarity: a wrong price is worse than none."""
    assert table.lookup("openai", model) is None


def test_an_unknown_provider_is_unknown(table: FactsTable) -> None:
    """A provider that the table does not list has no facts and no models."""
    assert table.lookup("acme", "gpt-4o") is None
    assert table.models("acme") == []


def test_local_models_cost_nothing(table: FactsTable) -> None:
    """A model that Ollama runs here is free with any tag, listed or not."""
    for model in ("llama3.1", "llama3.1:8b", "llama3.1:latest", "something-of-my-own:q4"):
        facts = table.lookup("ollama", model)
        assert facts is not None
        assert (facts.input_price, facts.output_price) == (0, 0)
    tagged = table.lookup("ollama", "llama3.1:8b")
    assert tagged is not None
    assert tagged.context_window == 8192


def test_a_chat_endpoint_serves_every_model_of_ollama(table: FactsTable) -> None:
    """The mode that the table has of them is litellm's route; embedding models stay embedding models."""
    modes = {model: facts.mode for model in table.models("ollama") if (facts := table.lookup("ollama", model))}
    assert modes["codellama"] is modes["mistral"] is Mode.CHAT
    assert set(modes.values()) <= {Mode.CHAT, Mode.EMBEDDING}
    tagged = table.lookup("ollama", "mistral:7b")
    assert tagged is not None
    assert tagged.mode is Mode.CHAT


def test_what_an_unlisted_local_model_is_for_is_told_by_its_name(table: FactsTable) -> None:
    """Until a worker says so itself, a name that speaks of embedding is an embedding model's."""
    for model, mode in (("mxbai-embed-large", Mode.EMBEDDING), ("phi4", Mode.CHAT)):
        facts = table.lookup("ollama", model)
        assert facts is not None
        assert facts.mode is mode


def test_a_cloud_model_of_ollama_is_not_free_by_default(table: FactsTable) -> None:
    """What runs at Ollama's is only known where the table knows it."""
    assert table.lookup("ollama", "nobody-knows-me:1t-cloud") is None
    assert table.lookup("ollama", "gpt-oss:20b-cloud") is not None


def test_free_variants_of_a_reseller_cost_nothing(table: FactsTable) -> None:
    """`vendor/model:free` keeps the vendor's abilities and loses the price."""
    paid = table.lookup("openrouter", "openai/gpt-4o")
    free = table.lookup("openrouter", "openai/gpt-4o:free")
    assert paid is not None
    assert free is not None
    assert (free.input_price, free.output_price) == (0, 0)
    assert free.abilities == paid.abilities


def test_long_prompts_have_their_own_price(table: FactsTable) -> None:
    """Where a provider charges more above a length, both prices are there."""
    facts = table.lookup("gemini", "gemini-2.5-pro")
    assert facts is not None
    assert facts.long_context == LongContextPrice(200_000, 2_500_000_000, 15_000_000_000, 250_000_000)


def test_a_free_variant_is_free_for_long_prompts_too(table: FactsTable) -> None:
    """No price above a length is left of the paid model."""
    free = table.lookup("openrouter", "google/gemini-2.5-pro:free")
    assert free is not None
    assert free.long_context is None


def test_embeddings_and_deprecations() -> None:
    """Dimensions and the day of deprecation are read where the row holds them."""
    row = ["embedding", 8191, None, 20_000_000, 0, "", None, "2027-04-14", 1536]
    facts = FactsTable({"acme": {"e": row}}, "0").lookup("acme", "e")
    assert facts is not None
    assert facts.mode is Mode.EMBEDDING
    assert facts.dimensions == 1536
    assert facts.deprecated_on == date(2027, 4, 14)


def test_the_shipped_file_is_small_and_names_its_source() -> None:
    """The table stays under 400 KB and says what it was made from."""
    data = FILE.read_bytes()
    assert len(data) < 400_000
    meta = json.loads(data)["meta"]
    assert meta["source"] == "litellm"
    assert meta["licence"].startswith("MIT")


def test_the_table_is_as_new_as_the_installed_litellm(table: FactsTable) -> None:
    """Says when litellm was upgraded and the table was not generated again."""
    try:
        installed = metadata.version("litellm")
    except metadata.PackageNotFoundError:
        pytest.skip("litellm is not installed: pip install 'trunkline[litellm]'")
    assert table.version == installed, f"the table is of litellm {table.version}, installed is {installed}: make facts"
