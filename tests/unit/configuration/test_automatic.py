"""Without a file, a configuration is made out of keys, an answering Ollama, and simulated providers."""

from pathlib import Path

import pytest
import yaml

from service_common.configuration import (
    Configuration,
    Knowledge,
    automatic_configuration,
    parse_configuration,
    provider_variables,
    providers_found,
    wrong_addresses,
)
from service_common.configuration.providers import load_providers
from service_common.facts import FactsTable
from service_common.vocabulary import ModelMode

PROVIDERS = load_providers()["providers"]
EVERYTHING = {name: f"value-of-{name.lower()}" for name in provider_variables()}
SIMULATED = {
    "openai": "http://127.0.0.1:1001/v1",
    "groq": "http://127.0.0.1:1002/v1",
    "ollama": "http://127.0.0.1:1003",
}


@pytest.fixture(scope="module")
def facts() -> FactsTable:
    """The table that the package ships."""
    return FactsTable.load()


def loaded(text: str, facts: FactsTable) -> Configuration:
    """The configuration that a text means; it has no mistake."""
    return parse_configuration(text, Path("automatic.yaml"), {}, Knowledge(facts=facts))


def test_every_key_becomes_a_backend(facts: FactsTable) -> None:
    """With all variables set there is one backend for each provider, and all that is assumed of them is known."""
    text = automatic_configuration(EVERYTHING, ["llama3.1:8b", "nomic-embed-text:latest"], {})
    configuration = loaded(text, facts)
    assert set(configuration.backends) == set(PROVIDERS)
    assert not any(backend.simulated for backend in configuration.backends.values())
    assert {"fast", "smart", "embedding"} <= set(configuration.aliases)
    assert configuration.models["ollama/nomic-embed-text:latest"].mode is not None


def test_every_chat_model_lists_what_it_is_for(facts: FactsTable) -> None:
    """So that a profile whose tasks ask for their capability finds somebody; strong models list `general`."""
    models = loaded(automatic_configuration(EVERYTHING, ["llama3.1", "nomic-embed-text"], SIMULATED), facts).models
    assert {name for name, model in models.items() if not model.tags} == {
        name for name, model in models.items() if model.mode is ModelMode.EMBEDDING
    }
    assert models["openai/gpt-4o"].tags == models["openai/gpt-5-mini"].tags == ("general",)
    assert "summarization" in models["ollama/llama3.1"].tags
    assert "code_generation" not in models["ollama/llama3.1"].tags
    assert "code_generation" in models["mistral/codestral-latest"].tags


def test_no_value_of_a_variable_gets_into_the_text() -> None:
    """Keys stay where they are; the text refers to them."""
    text = automatic_configuration(EVERYTHING, None, {})
    assert not [name for name, value in EVERYTHING.items() if value in text]
    assert "${OPENAI_API_KEY}" in text


@pytest.mark.parametrize(
    ("provider", "key"), [(name, key) for name, known in PROVIDERS.items() for key in known.get("keys", ())]
)
def test_each_variable_that_may_hold_a_key_is_the_one_referred_to(provider: str, key: str) -> None:
    """Set alone, it is what the backend names, whichever of its provider's variables comes first in the data file."""
    needed = dict.fromkeys(PROVIDERS[provider].get("needs", ()), "value")
    made = yaml.safe_load(automatic_configuration({**needed, key: "value"}, None, {}))
    assert {name: backend.get("api_key") for name, backend in made["backends"].items()} == {provider: f"${{{key}}}"}


@pytest.mark.parametrize(
    ("provider", "passed"),
    [(name, variable) for name, known in PROVIDERS.items() for variable in known.get("passes", ())],
)
def test_each_further_variable_is_passed_where_it_is_set(provider: str, passed: str) -> None:
    """Alone, as a region goes by several names; one that is not set is not named."""
    known = PROVIDERS[provider]
    environment = dict.fromkeys((*known["keys"], *known["needs"], passed), "value")
    made = yaml.safe_load(automatic_configuration(environment, None, {}))
    named = set(made["backends"][provider]["environment"])
    assert named & set(known["passes"]) == {passed}


def test_the_first_of_several_variables_is_the_one_referred_to() -> None:
    """As the data file has them; one that is set to nothing is not set."""
    both = {"GEMINI_API_KEY": "value", "GOOGLE_API_KEY": "value"}
    for environment, key in ((both, "GEMINI_API_KEY"), ({**both, "GEMINI_API_KEY": " "}, "GOOGLE_API_KEY")):
        made = yaml.safe_load(automatic_configuration(environment, None, {}))
        assert made["backends"]["gemini"]["api_key"] == f"${{{key}}}"


def test_each_worker_is_given_its_own_variables_alone(facts: FactsTable) -> None:
    """What a backend names is what its worker gets: no key of another provider."""
    backends = loaded(automatic_configuration(EVERYTHING, None, {}), facts).backends
    assert backends["groq"].variables() == ("GROQ_API_KEY", "GROQ_BASE_URL")
    assert backends["gemini"].variables() == ("GEMINI_API_KEY", "GEMINI_BASE_URL")
    assert {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION"} <= set(backends["bedrock"].variables())
    assert backends["azure"].variables() == ("AZURE_API_BASE", "AZURE_API_KEY", "AZURE_API_VERSION")


@pytest.mark.parametrize(
    ("environment", "found"),
    [
        ({}, ()),
        ({"OPENAI_API_KEY": "  "}, ()),
        ({"OPENAI_API_KEY": "k"}, ("openai",)),
        ({"GOOGLE_API_KEY": "k"}, ("gemini",)),
        ({"AZURE_API_KEY": "k"}, ()),
        ({"AWS_ACCESS_KEY_ID": "a"}, ()),
        ({"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}, ("bedrock",)),
    ],
)
def test_a_provider_is_found_where_all_it_needs_is_set(environment: dict[str, str], found: tuple[str, ...]) -> None:
    """An empty key is none, and half of what a provider needs does not make a backend."""
    assert providers_found(environment) == found


def test_simulated_providers_stand_in_and_say_so(facts: FactsTable) -> None:
    """With nothing found there are three backends at the given addresses, marked as simulated, without keys."""
    configuration = loaded(automatic_configuration({}, None, SIMULATED), facts)
    assert {name: backend.base_url for name, backend in configuration.backends.items()} == SIMULATED
    assert all(backend.simulated and backend.api_key is None for backend in configuration.backends.values())
    assert "groq/llama-3.3-70b-versatile" in configuration.models


def test_what_is_real_is_not_simulated(facts: FactsTable) -> None:
    """A provider whose key is found is used for real beside simulated others."""
    configuration = loaded(automatic_configuration({"OPENAI_API_KEY": "k"}, ["llama3.1"], SIMULATED), facts)
    assert {name: backend.simulated for name, backend in configuration.backends.items()} == {
        "openai": False,
        "ollama": False,
        "groq": True,
    }


def test_the_data_file_names_only_models_of_which_enough_is_known(facts: FactsTable) -> None:
    """Every model in the data file, also those of simulated providers, has facts: in the table or in the file."""
    data = load_providers()
    for name, provider in data["providers"].items():
        for model in [*provider.get("models", ()), *provider.get("simulated", ())]:
            target = f"{name}/{model}"
            assert facts.lookup(name, model) is not None or target in data["facts"], target


def test_the_text_is_plain_yaml() -> None:
    """No anchors, no Python types: a person reads it and any tool."""
    text = automatic_configuration(EVERYTHING, [], SIMULATED)
    assert "&id" not in text
    assert list(yaml.safe_load(text)) == ["backends", "models", "aliases", "default_profile"]


def test_offline_keys_are_left_aside(facts: FactsTable) -> None:
    """TRUNKLINE_OFFLINE makes an offline configuration of what is near alone."""
    configuration = loaded(automatic_configuration({**EVERYTHING, "TRUNKLINE_OFFLINE": "1"}, ["llama3.1"], {}), facts)
    assert configuration.offline
    assert set(configuration.backends) == {"ollama"}


@pytest.mark.parametrize(
    "model", ["mistral", "mistral:7b", "codellama", "llama2-uncensored", "nobody-knows-me:cloud", "a b"]
)
def test_no_model_of_an_ollama_keeps_the_others_from_starting(model: str, facts: FactsTable) -> None:
    """Ollama's chat endpoint serves all of them; what cannot be a target's name is left out."""
    configuration = loaded(automatic_configuration({}, [model, "llama3.1"], {}), facts)
    assert "ollama/llama3.1" in configuration.models
    assert configuration.backends["ollama"].discover


def test_the_alias_embedding_names_one_model(facts: FactsTable) -> None:
    """Vectors of different models cannot be compared: the first provider's model, wherever else it is served."""
    everything = loaded(automatic_configuration(EVERYTHING, ["nomic-embed-text"], {}), facts)
    assert everything.aliases["embedding"] == ("openai/text-embedding-3-small",)
    assert {"mistral/mistral-embed", "ollama/nomic-embed-text"} <= set(everything.models)
    local = loaded(automatic_configuration({}, ["llama3.1", "nomic-embed-text", "mxbai-embed-large"], SIMULATED), facts)
    assert local.aliases["embedding"] == ("ollama/nomic-embed-text",)


@pytest.mark.parametrize(
    ("base_url", "used"),
    [
        ("http://127.0.0.1:8081/v1", True),
        ("http://[::1]:8081/v1", True),
        ("http://192.168.1.7/v1", True),
        ("http://localhost/v1", True),
        ("http://gateway.lan/v1", True),
        ("http://gateway/v1", True),
        ("https://8.8.8.8/v1", False),
        ("https://gateway.example.com/v1", False),
        ("https://[notaurl", False),
        ("", False),
    ],
)
def test_offline_uses_what_may_be_near(base_url: str, used: bool) -> None:
    """As a file with `offline: true` does: its worker looks whether the address really is near."""
    environment = {"TRUNKLINE_OFFLINE": "1", "OPENAI_API_KEY": "k", "OPENAI_BASE_URL": base_url}
    text = automatic_configuration(environment, None, {})
    assert ("openai" in yaml.safe_load(text)["backends"]) is used
    assert ("leaves out all that is outside" in text) is not used
    assert yaml.safe_load(text)["offline"] is True


@pytest.mark.parametrize(
    ("environment", "note"),
    [
        ({"AZURE_API_KEY": "k"}, "azure is not used: AZURE_API_KEY is set, AZURE_API_BASE is not."),
        ({"AWS_ACCESS_KEY_ID": "a"}, "bedrock is not used: AWS_ACCESS_KEY_ID is set, AWS_SECRET_ACCESS_KEY is not."),
        (
            {"TRUNKLINE_OFFLINE": "1", "OPENAI_API_KEY": "k"},
            "openai is not used, though OPENAI_API_KEY is set: TRUNKLINE_OFFLINE leaves out all that is outside.",
        ),
        ({"OPENAI_API_KEY": "k", "GOOGLE_API_KEY": "k", "CO_API_KEY": " "}, ""),
    ],
)
def test_what_was_found_and_is_not_used_is_noted(environment: dict[str, str], note: str) -> None:
    """Half a credential, or a key that offline leaves aside, is not passed over in silence."""
    lines = automatic_configuration(environment, [], {}).splitlines()
    assert [line for line in lines if line.startswith("# Note: ")] == ([f"# Note: {note}"] if note else [])


@pytest.mark.parametrize(
    ("environment", "wrong"),
    [
        ({"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": "notaurl"}, ["OPENAI_BASE_URL"]),
        ({"OPENAI_BASE_URL": "notaurl"}, []),
        ({"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": "notaurl", "TRUNKLINE_OFFLINE": "1"}, []),
        ({"OLLAMA_BASE_URL": "localhost:11434"}, ["OLLAMA_BASE_URL"]),
        ({"OLLAMA_BASE_URL": "http://[notaurl"}, ["OLLAMA_BASE_URL"]),
        ({**EVERYTHING, **{name: "http://h/v1" for name in EVERYTHING if "BASE" in name}}, []),
    ],
)
def test_an_address_that_is_none_is_named(environment: dict[str, str], wrong: list[str]) -> None:
    """Of those that would be used; the value, which may hold a password, is not shown."""
    found = wrong_addresses(environment)
    assert [mistake.path for mistake in found] == wrong
    assert not any("notaurl" in str(mistake) for mistake in found)
