"""The data file of providers, which people correct: each mistake has its line."""

from pathlib import Path

import pytest

from service_common.configuration import ConfigurationErrors
from service_common.configuration.providers import load_providers, providers_in

GOOD = """\
providers:
  openai: {kind: openai_wire, base_url: 'https://o.test/v1', keys: [OPENAI_API_KEY], models: [gpt-4o]}
  ollama: {kind: ollama, base_url: 'http://127.0.0.1:11434'}
models:
  "*": {quality: 0.45, aliases: [fast]}
"""


def test_the_file_that_is_shipped_has_no_mistake() -> None:
    """Nor does a smaller one that a person made of it."""
    assert {"openai", "ollama"} <= set(load_providers()["providers"])


def test_a_smaller_file_will_do(tmp_path: Path) -> None:
    """Providers that are not wanted may be taken out."""
    file = tmp_path / "providers.yaml"
    file.write_text(GOOD)
    assert list(providers_in(file)["providers"]) == ["openai", "ollama"]


@pytest.mark.parametrize(
    ("written", "instead", "line", "path", "said"),
    [
        ("providers:", "provider:", 1, "provider", 'no setting of that name. Did you mean "providers"?'),
        ("[gpt-4o]", "[gpt-4o, 4]", 2, "providers.openai.models[1]", "this must be text"),
        ("kind: ollama", "kind: olama", 3, "providers.ollama.kind", 'Did you mean "ollama"?'),
        ("models: [gpt-4o]", "model: [gpt-4o]", 2, "providers.openai.model", 'Did you mean "models"?'),
        ("quality: 0.45", "quality: 45", 5, "models.*.quality", "less than or equal to 1"),
        ('"*":', '"g*":', 0, "", 'models."*" is needed'),
        ("  ollama:", "  local:", 0, "", "providers.ollama with its base_url is needed"),
        ("[fast]}", "[fast}", 5, "", "this is not YAML"),
        (GOOD, "", 0, "", "this must be a mapping"),
    ],
)
def test_a_mistake_is_told_with_its_line(
    tmp_path: Path, written: str, instead: str, line: int, path: str, said: str
) -> None:
    """What is wrong, and what was meant."""
    file = tmp_path / "providers.yaml"
    file.write_text(GOOD.replace(written, instead))
    with pytest.raises(ConfigurationErrors) as caught:
        providers_in(file)
    mistakes = [mistake for mistake in caught.value.mistakes if said in str(mistake)]
    assert [(mistake.file, mistake.path) for mistake in mistakes] == [(str(file), path)], str(caught.value)
    assert line in (0, mistakes[0].line)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    """As any configuration."""
    with pytest.raises(ConfigurationErrors, match=r"providers\.yaml  there is no such file"):
        providers_in(tmp_path / "providers.yaml")


def test_a_caller_changes_nothing_for_the_next_and_a_new_file_counts(tmp_path: Path) -> None:
    """What was read is kept for the next who asks, as long as the file says the same."""
    file = tmp_path / "providers.yaml"
    file.write_text(GOOD)
    providers_in(file)["providers"]["openai"]["models"].append("mine")
    assert providers_in(file)["providers"]["openai"]["models"] == ["gpt-4o"]
    file.write_text(GOOD.replace("gpt-4o", "gpt-5"))
    assert providers_in(file)["providers"]["openai"]["models"] == ["gpt-5"]
