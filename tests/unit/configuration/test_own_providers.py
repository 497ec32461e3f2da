"""A data file of providers of one's own goes over the one that ships, and its mistakes have their line."""

from pathlib import Path

import pytest
import yaml

from service_common.configuration import (
    ConfigurationErrors,
    Mistake,
    automatic_configuration,
    check_automatic,
    providers_found,
)
from service_common.configuration.own_providers import PROVIDERS_VARIABLE, providers_for
from service_common.configuration.providers import load_providers

OWN = """\
# the house
providers:
  openai: {models: [gpt-4o]}
  house:
    kind: openai_wire
    base_url: ${HOUSE_URL:-https://llm.house.test/v1}
    keys: [HOUSE_KEY]
    models: [tiny-1]
models:
  tiny-*: {quality: 0.11, aliases: [fast]}
  gpt-4o: {quality: 0.12}
facts:
  house/tiny-1: {price: {input: 0, output: 0}, context_window: 4096}
"""


def own(folder: Path, text: str) -> dict[str, str]:
    """The environment of a file of one's own."""
    (folder / "mine.yaml").write_text(text)
    return {PROVIDERS_VARIABLE: str(folder / "mine.yaml"), "HOUSE_KEY": "k", "OPENAI_API_KEY": "k"}


def mistakes(folder: Path, text: str) -> tuple[Mistake, ...]:
    """The mistakes of a file that has some, or leads to some."""
    environment = own(folder, text)
    with pytest.raises(ConfigurationErrors) as caught:
        check_automatic(automatic_configuration(environment, None, {}), environment)
    return caught.value.mistakes


def test_what_it_says_goes_over_what_ships_and_the_rest_stays(tmp_path: Path) -> None:
    """By provider and setting, by pattern and setting; new patterns are looked at before those that ship."""
    environment = own(tmp_path, OWN)
    data = providers_for(environment)
    shipped = load_providers()
    assert data["providers"]["openai"] == {**shipped["providers"]["openai"], "models": ["gpt-4o"]}
    assert data["providers"]["groq"] == shipped["providers"]["groq"]
    assert data["models"]["gpt-4o"] == {**shipped["models"]["gpt-4o"], "quality": 0.12}
    assert list(data["models"]) == ["tiny-*", *shipped["models"]]
    assert set(providers_found(environment)) == {"openai", "house"}


def test_the_automatic_configuration_follows_it_and_says_so(tmp_path: Path) -> None:
    """A provider that Trunkline does not know, with what is said of its models; nothing about it is a mistake."""
    environment = own(tmp_path, OWN)
    text = automatic_configuration(environment, None, {})
    check_automatic(text, environment)
    assert f"# {environment[PROVIDERS_VARIABLE]} went over" in text
    made = yaml.safe_load(text)
    assert made["backends"]["house"]["api_key"] == "${HOUSE_KEY}"
    assert {name: model["quality"] for name, model in made["models"].items()} == {
        "openai/gpt-4o": 0.12,
        "house/tiny-1": 0.11,
    }


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "providers:\n"])
def test_an_empty_one_changes_nothing(tmp_path: Path, text: str) -> None:
    """A section whose lines are all commented out, too."""
    assert providers_for(own(tmp_path, text)) == load_providers()


@pytest.mark.parametrize(
    ("written", "instead", "line", "path", "said"),
    [
        ("quality: 0.12", "qualty: 0.12", 11, "models.gpt-4o.qualty", 'Did you mean "quality"?'),
        ("quality: 0.11", "quality: 11", 10, "models.tiny-*.quality", "less than or equal to 1"),
        ("aliases: [fast]", "aliases: [so fast]", 10, "models.tiny-*.aliases[0]", "form"),
        ("providers:", "provders:", 2, "provders", 'Did you mean "providers"?'),
        ("models: [tiny-1]", "models: tiny-1", 8, "providers.house.models", "a list"),
        ("https://llm", "llm", 6, "providers.house.base_url", "http://"),
        ("[HOUSE_KEY]", "[HOUSE-KEY]", 7, "providers.house.keys[0]", "form"),
        ("  gpt-4o: {", "  gpt-4o: [", 11, "", "this is not YAML"),
        ("house/tiny-1:", "house/tiny-2:", 8, "facts.house/tiny-1", "Say its price and its context_window"),
        ("kind: openai_wire", "kind: litellm", 4, "providers.house.provider", 'litellm knows no provider "house"'),
    ],
)
def test_a_mistake_is_told_at_its_own_file_and_line(
    tmp_path: Path, written: str, instead: str, line: int, path: str, said: str
) -> None:
    """Also one that shows only in the configuration that is made."""
    text = OWN.replace("${HOUSE_URL:-https://llm.house.test/v1}", "https://llm.house.test/v1")
    found = mistakes(tmp_path, text.replace(written, instead))
    assert (found[0].file, found[0].line, found[0].path) == (str(tmp_path / "mine.yaml"), line, path), found
    assert said in str(found[0])


def test_where_nothing_is_found_it_is_not_blamed(tmp_path: Path) -> None:
    """No key and no Ollama: what is made has no backends, as without it."""
    environment = {PROVIDERS_VARIABLE: own(tmp_path, OWN)[PROVIDERS_VARIABLE]}
    check_automatic(automatic_configuration(environment, None, {}), environment)
