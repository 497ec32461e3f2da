"""The catalogue joins the file with the table of facts; what the file says counts more."""

from datetime import date
from pathlib import Path

import pytest

from router_service.config.catalogue import build_catalogue
from router_service.contracts.engine import Catalogue
from router_service.domain.profile import Profile
from router_service.domain.target import Price, Priors
from service_common.configuration import ProfileSection, parse_configuration
from service_common.facts import FactsTable
from service_common.vocabulary import Complexity, ModelMode, Sensitivity, Task
from tests.support.settings import attempt_limits


@pytest.fixture(scope="module")
def facts() -> FactsTable:
    """The table that the package ships."""
    return FactsTable.load()


def catalogue_of(text: str, facts: FactsTable) -> Catalogue:
    """The catalogue of a file."""
    return build_catalogue(parse_configuration(text, Path("trunkline.yaml"), {}), facts)


def test_facts_come_from_the_table_and_the_file_overrides_them(facts: FactsTable) -> None:
    """An empty entry gets everything from the table; what is said replaces it."""
    text = """\
backends: {openai: {kind: openai_wire, region: us, priors: {first_token: 300ms, success_rate: 0.9}}}
models:
  openai/gpt-4o-mini: {}
  openai/gpt-4o:
    price: {input: 1, output: 2.5}
    context_window: 1000
    abilities: [tools]
    quality: 0
    region: eu
    capabilities: {coding: 7}
    tags: [simple_qa]
    priors: {first_token: 1s}
    retires_on: 2030-01-01
"""
    targets = catalogue_of(text, facts).targets
    plain, said = targets["openai/gpt-4o-mini"], targets["openai/gpt-4o"]
    assert plain.price == Price(150_000_000, 600_000_000, 75_000_000)
    assert (plain.context_window, plain.max_output, plain.quality) == (128_000, 16_384, 0.5)
    assert {"vision", "tools", "json_schema", "files", "streaming"} <= plain.abilities
    assert plain.priors == Priors(first_token=0.3, success_rate=0.9)
    assert (plain.region, said.region) == ("us", "eu")
    assert said.price == Price(1_000_000_000, 2_500_000_000, 1_000_000_000)
    assert (said.context_window, said.quality, said.abilities) == (1000, 0.0, frozenset({"tools"}))
    assert said.priors == Priors(first_token=1.0, success_rate=0.9)
    assert (said.capabilities, said.tags) == ({"coding": 7}, frozenset({"simple_qa"}))
    assert said.retires_on == date(2030, 1, 1)


def test_a_long_prompt_costs_what_the_table_says(facts: FactsTable) -> None:
    """Above 200,000 tokens of prompt all tokens of Gemini 2.5 Pro are dearer; a price of the file has no such step."""
    text = """\
backends: {gemini: {kind: litellm}, other: {kind: litellm, provider: gemini}}
models: {gemini/gemini-2.5-pro: {}, other/gemini-2.5-pro: {price: {input: 1.25, output: 10}}}
"""
    targets = catalogue_of(text, facts).targets
    listed, said = targets["gemini/gemini-2.5-pro"].price, targets["other/gemini-2.5-pro"].price
    assert listed is not None
    assert said is not None
    assert listed.cost(300_000, 1_000) == 765_000_000  # 0.3 * $2.50 + 0.001 * $15
    assert listed.cost(200_000, 1_000) == 260_000_000  # 0.2 * $1.25 + 0.001 * $10
    assert listed.cost(300_000, 1_000, 100_000) == 540_000_000  # 0.2 * $2.50 + 0.1 * $0.25 + 0.001 * $15
    assert said.cost(300_000, 1_000) == 385_000_000


def test_an_embedding_model_is_known_as_one(facts: FactsTable) -> None:
    """Mode, dimensions and a price without answer tokens come from the table."""
    text = "backends: {openai: {kind: openai_wire}}\nmodels: {openai/text-embedding-3-small: {}}"
    target = catalogue_of(text, facts).targets["openai/text-embedding-3-small"]
    assert (target.mode, target.embedding_dimensions) == (ModelMode.EMBEDDING, 1536)
    assert target.price == Price(20_000_000, 0, 20_000_000)


def test_a_cloud_model_of_a_local_ollama_is_never_confidential(facts: FactsTable) -> None:
    """What the file grants an Ollama holds for the models that run there, not for those that run in its cloud."""
    text = """\
backends: {ollama: {kind: ollama, clearance: confidential}}
models: {ollama/llama3.1: {}, "ollama/gpt-oss:120b-cloud": {}}
"""
    targets = catalogue_of(text, facts).targets
    assert (targets["ollama/llama3.1"].clearance, targets["ollama/llama3.1"].remote) == (
        Sensitivity.CONFIDENTIAL,
        False,
    )
    cloud = targets["ollama/gpt-oss:120b-cloud"]
    assert (cloud.clearance, cloud.remote) == (Sensitivity.INTERNAL, True)


def test_a_disabled_backend_disables_its_targets(facts: FactsTable) -> None:
    """`enabled: false` on either level takes a target out."""
    text = """\
backends: {a: {kind: ollama, enabled: false}, b: {kind: ollama, simulated: true, max_concurrency: 3}}
models: {a/x: {}, b/x: {enabled: false}, b/y: {}}
"""
    catalogue = catalogue_of(text, facts)
    assert {name: target.enabled for name, target in catalogue.targets.items()} == {
        "a/x": False,
        "b/x": False,
        "b/y": True,
    }
    assert catalogue.targets["b/y"].simulated
    assert catalogue.backends["b"].max_concurrency == 3
    assert catalogue.backends["b"].clearance is None


def test_a_stand_in_does_not_retire(facts: FactsTable) -> None:
    """The provider's date of retirement is a fact of the real model, not of a simulated one."""
    text = """\
backends: {anthropic: {kind: litellm}, pretend: {kind: litellm, provider: anthropic, simulated: true}}
models: {anthropic/claude-sonnet-4-5: {}, pretend/claude-sonnet-4-5: {}}
"""
    targets = catalogue_of(text, facts).targets
    assert targets["anthropic/claude-sonnet-4-5"].retires_on is not None
    assert targets["pretend/claude-sonnet-4-5"].retires_on is None


def test_aliases_are_flattened_each_target_once(facts: FactsTable) -> None:
    """Nested aliases become targets in the order of their first mention; chains and policies use them too."""
    text = """\
backends: {o: {kind: ollama, discover: true}}
aliases: {fast: [o/a, o/b], smart: [o/c, fast], any: [smart, o/a, o/d]}
chains: {fast: [o/b, smart]}
tasks: {creative: any}
tiers: {moderate: {use: fast, restrict: true}}
rules: [{when: {sensitivity: confidential, after: "22:00"}, use: [fast, o/z]}]
"""
    catalogue = catalogue_of(text, facts)
    assert catalogue.aliases == {
        "fast": ("o/a", "o/b"),
        "smart": ("o/c", "o/a", "o/b"),
        "any": ("o/c", "o/a", "o/b", "o/d"),
    }
    assert catalogue.chains == {"fast": ("o/b", "o/c", "o/a")}
    assert catalogue.policy.tasks[Task.CREATIVE].targets == ("o/c", "o/a", "o/b", "o/d")
    assert catalogue.policy.tiers[Complexity.MEDIUM].restrict
    (rule,) = catalogue.policy.rules
    assert (rule.name, rule.use.targets) == ("rules[0]", ("o/a", "o/b", "o/z"))
    assert rule.when.sensitivities == {Sensitivity.CONFIDENTIAL}
    assert rule.when.hours == (22 * 60, 24 * 60)


def test_profiles_exist_without_being_written_and_can_be_overridden(facts: FactsTable) -> None:
    """What a file says of a built-in profile replaces that part and keeps the rest."""
    text = """\
backends: {o: {kind: ollama}}
profiles:
  cost: {attempts: {total: 2, idle_timeout: 5s}}
  own: {scorers: {load: 2}, picker: round_robin}
"""
    profiles = catalogue_of(text, facts).profiles
    assert set(profiles) >= {"cost", "latency", "quality", "balanced", "round_robin", "least_loaded", "own"}
    assert profiles["balanced"].scorers == {"quality": 0.4, "cost": 0.3, "latency": 0.3}
    assert profiles["cost"].scorers == {"cost": 1}
    assert profiles["cost"].attempts == attempt_limits(total=2, idle_timeout=5.0)
    assert (profiles["own"].scorers, profiles["own"].picker) == ({"load": 2}, "round_robin")


def test_the_files_defaults_are_the_domains() -> None:
    """A profile that says nothing means what the router assumes of one."""
    section = ProfileSection()
    default = Profile("x", {}, attempt_limits())
    assert (section.picker, section.follows, section.filters) == (default.picker, default.follows, default.filters)


def test_the_version_is_that_of_the_content(facts: FactsTable) -> None:
    """Comments and order of keys do not matter, any setting does; an export loads to the same version."""
    text = "backends: {o: {kind: ollama, capacity: 3}}\nmodels: {o/a: {price: {input: 0.075, output: 1}}}\n"
    configuration = parse_configuration(text, Path("f"), {})
    same = parse_configuration(
        f"# hello\n{text.replace('kind: ollama, capacity: 3', 'capacity: 3, kind: ollama')}", Path("f"), {}
    )
    other = parse_configuration(text.replace("capacity: 3", "capacity: 4"), Path("f"), {})
    assert configuration.version == same.version != other.version
    for form in ("yaml", "json"):
        assert parse_configuration(configuration.render(form), Path("f"), {}).version == configuration.version
    assert build_catalogue(configuration, facts).version == configuration.version
