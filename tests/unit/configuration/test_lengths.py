"""The short form of the section `lengths`."""

from pathlib import Path

import pytest

from router_service.config.catalogue import build_catalogue
from router_service.domain.policy import Rule
from service_common.configuration import ConfigurationErrors
from service_common.configuration.loader import parse_configuration
from service_common.facts import FactsTable

BASE = "backends: {o: {kind: ollama}}\nmodels: {o/a: {}, o/b: {}}\n"


def lengths(text: str) -> tuple[Rule, ...]:
    """The rules that a section comes to."""
    configuration = parse_configuration(BASE + text, Path("trunkline.yaml"), {})
    return build_catalogue(configuration, FactsTable.load()).policy.lengths


def test_the_short_form_has_limits_of_its_own() -> None:
    """30,000 and 100,000 tokens of prompt, 8,000 of answer; the longest is asked first; they rank."""
    rules = lengths("lengths: {long_prompt: o/a, very_long_prompt: [o/b, o/a], long_answer: {use: o/b, above: 4000}}\n")
    assert [rule.name for rule in rules] == ["very_long_prompt", "long_prompt", "long_answer"]
    assert [rule.when.input_tokens_above for rule in rules] == [100_000, 30_000, None]
    assert rules[2].when.output_tokens_above == 4000
    assert rules[0].use.targets == ("o/b", "o/a")
    assert not any(rule.use.restrict for rule in rules)


def test_an_unknown_length_is_refused_with_those_that_exist() -> None:
    """A name that means no length is a mistake."""
    with pytest.raises(ConfigurationErrors, match="long_promt"):
        lengths("lengths: {long_promt: o/a}\n")
