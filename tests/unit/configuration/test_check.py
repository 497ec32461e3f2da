"""`config-check` and the checks that need the registry of plugins."""

import argparse
import io
import json
from pathlib import Path
from typing import get_args

import pytest

from router_service.config.check import add_arguments, run_check
from router_service.config.running import Sources
from router_service.config.store import ConfigurationStore
from router_service.plugins.builtin import built_in_plugins
from router_service.state.token_counter import TokenCounter
from service_common.backend_kinds import KindName
from service_common.configuration.plugins import PluginNames
from service_common.facts import FactsTable
from service_common.vocabulary import PluginKind
from tests.support.routing import StillClock

ROOT = Path(__file__).resolve().parents[3]


def check(file: Path, *flags: str) -> tuple[int, str]:
    """Exit code and output of the check of a file."""
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    out = io.StringIO()
    parsed = parser.parse_args([str(file), *flags])
    sources = Sources(parsed.file, {}, built_in_plugins(), FactsTable.load(), StillClock(), TokenCounter())
    code = run_check(sources, out, as_json=parsed.json)
    return code, out.getvalue()


def check_profile(tmp_path: Path, profile: str) -> list[str]:
    """The lines that the check prints for a file with one profile of its own."""
    file = tmp_path / "trunkline.yaml"
    file.write_text(f"backends: {{o: {{kind: ollama}}}}\nprofiles:\n  own: {profile}\n")
    return check(file)[1].splitlines()


def test_the_sample_has_no_mistake() -> None:
    """The file that newcomers copy passes the check, with every plugin and fact checked."""
    code, output = check(ROOT / "deploy" / "samples" / "trunkline.yaml")
    assert (code, "no mistakes. 4 backends" in output) == (0, True), output


def test_mistakes_are_printed_one_a_line(tmp_path: Path) -> None:
    """File, line, path, what is wrong and what may be meant; then the count. The exit code is 1."""
    file = tmp_path / "trunkline.yaml"
    file.write_text(
        "backends: {o: {kind: ollama}}\nprofiles:\n  own:\n    scorers: {latancy: 1}\ndefault_profile: onw\n"
    )
    assert check(file) == (
        1,
        f'{file}:4  profiles.own.scorers.latancy: no scorer of that name. Did you mean "latency"?\n'
        f'{file}:5  default_profile: no profile "onw". Did you mean "own"?\n'
        "2 mistakes. Nothing was started.\n",
    )


def test_json_holds_the_same(tmp_path: Path) -> None:
    """For programs: `ok` and the mistakes with their parts."""
    file = tmp_path / "trunkline.yaml"
    file.write_text("backends: {o: {kind: olama}}\n")
    *kinds, last = map(repr, get_args(KindName))
    code, output = check(file, "--json")
    assert code == 1
    assert json.loads(output) == {
        "ok": False,
        "mistakes": [
            {
                "file": str(file),
                "line": 1,
                "path": "backends.o.kind",
                "message": f"this must be one of {', '.join(kinds)} or {last}.",
                "suggestion": 'Did you mean "ollama"?',
            }
        ],
    }
    file.write_text("backends: {o: {kind: ollama}}\n")
    code, output = check(file, "--json")
    assert (code, json.loads(output)["backends"]) == (0, ["o"])


@pytest.mark.parametrize(
    ("profile", "words"),
    [
        ("{scorers: {qualty: 1}}", 'scorers.qualty: no scorer of that name. Did you mean "quality"?'),
        ("{picker: bset}", 'picker: no picker "bset". Did you mean "best"?'),
        ("{filters: [circiut]}", 'filters[0]: no filter "circiut". Did you mean "circuit"?'),
        (
            "{settings: {required_qualty: {}}}",
            'settings.required_qualty: no plugin of that name. Did you mean "required_quality"?',
        ),
        (
            "{settings: {required_quality: {defalt: 1}}}",
            'defalt: there is no setting of that name. Did you mean "default"?',
        ),
        (
            "{settings: {required_quality: {default: much}}}",
            "settings.required_quality.default: this must be a number.",
        ),
        (
            "{settings: {required_quality: {default: true}}}",
            "settings.required_quality.default: this must be a number, not true or false.",
        ),
    ],
)
def test_plugins_and_their_settings_are_checked(tmp_path: Path, profile: str, words: str) -> None:
    """A plugin that does not exist, and a setting that it does not take, are found before anything starts."""
    lines = check_profile(tmp_path, profile)
    assert len(lines) == 2, lines
    assert words in lines[0]


def test_the_settings_of_classifiers_are_checked(tmp_path: Path) -> None:
    """They stand in a section of their own, as there is one set of classifiers for all profiles."""
    file = tmp_path / "trunkline.yaml"
    file.write_text("backends: {o: {kind: ollama}}\nclassifiers:\n  complexty: {}\n")
    assert 'no classifier of that name. Did you mean "complexity"?' in check(file)[1]


def test_the_registry_answers_what_the_configuration_asks() -> None:
    """Each kind has plugins, and each plugin a model for its settings that accepts none."""
    registry: PluginNames = built_in_plugins()
    for kind in PluginKind:
        names = list(registry.names(kind))
        assert names
        for name in names:
            registry.settings_model(kind, name).model_validate({})


def test_an_alias_of_several_embedding_models_is_doubted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It is no mistake: the check and the router at its start say that the vectors cannot be compared."""
    file = tmp_path / "trunkline.yaml"
    text = """\
backends: {o: {kind: ollama, discover: true}, p: {kind: ollama, discover: true}}
models: {o/nomic-embed-text: {}, o/mxbai-embed-large: {}, "p/nomic-embed-text:latest": {}}
aliases:
  one: [o/nomic-embed-text, "p/nomic-embed-text:latest"]
  two: [one, o/mxbai-embed-large]
"""
    file.write_text(text)
    code, output = check(file)
    said = f"{file}:5  aliases.two: its calls may be answered by different models, whose vectors cannot be compared:"
    assert (code, output.startswith(said), output.count("\n")) == (0, True, 2), output
    assert "mxbai-embed-large, nomic-embed-text." in output
    assert "no mistakes, 1 warning. 2 backends" in output
    assert [warning["path"] for warning in json.loads(check(file, "--json")[1])["warnings"]] == ["aliases.two"]
    ConfigurationStore(Sources(file, {}, built_in_plugins(), FactsTable.load(), StillClock(), TokenCounter()))
    assert [record.levelname for record in caplog.records if "aliases.two" in record.getMessage()] == ["WARNING"]
