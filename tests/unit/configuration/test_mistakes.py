"""Every mistake in a file is reported at once, in its place, with what to do."""

from datetime import date
from pathlib import Path

import pytest

from service_common.configuration import (
    ConfigurationErrors,
    Knowledge,
    Mistake,
    load_configuration,
    parse_configuration,
)
from service_common.facts import FactsTable

BACKENDS = """\
backends:
  openai: {kind: openai_wire, api_key: ${OPENAI_API_KEY}}
  ollama: {kind: ollama, discover: true}
models:
  openai/gpt-4o-mini: {quality: 0.7}
  openai/gpt-4o: {}
"""


@pytest.fixture(scope="module")
def facts() -> FactsTable:
    """The table that the package ships."""
    return FactsTable.load()


def mistakes_in(text: str, knowledge: Knowledge | None = None) -> tuple[Mistake, ...]:
    """The mistakes of a file that has some."""
    with pytest.raises(ConfigurationErrors) as caught:
        parse_configuration(text, Path("trunkline.yaml"), {}, knowledge or Knowledge())
    return caught.value.mistakes


def only_mistake(text: str, knowledge: Knowledge | None = None) -> Mistake:
    """The single mistake of a file."""
    found = mistakes_in(text, knowledge)
    assert len(found) == 1, [str(mistake) for mistake in found]
    return found[0]


@pytest.mark.parametrize(
    ("addition", "line", "path", "words"),
    [
        ("profils: {}", 7, "profils", ["no setting", 'Did you mean "profiles"?']),
        ("router: {listne: 1.2.3.4:5}", 7, "router.listne", ["no setting", '"listen"']),
        ("router: {listen: here}", 7, "router.listen", ["host:port"]),
        ("router: {listen: 127.0.0.1:70000}", 7, "router.listen", ["host:port"]),
        ("router: {lame_duck: 30}", 7, "router.lame_duck", ['"30s"']),
        ("router: {lame_duck: soon}", 7, "router.lame_duck", ["30s, 500ms or 5m"]),
        ("router: {max_message: 64}", 7, "router.max_message", ["64MiB"]),
        ("tracing: {sample: 1.5}", 7, "tracing.sample", ["less than or equal to 1"]),
        ("tracing: {sample: true}", 7, "tracing.sample", ["a number, not true or false"]),
        ("waiting: {length: false}", 7, "waiting.length", ["a number, not true or false"]),
        ("profiles: {p: {scorers: {cost: true}}}", 7, "profiles.p.scorers.cost", ["a number, not true or false"]),
        ("profiles: {p: {attempts: {total: true}}}", 7, "profiles.p.attempts.total", ["a number, not true or false"]),
        ("rules: [{profile: cost, when: {min_context_above: true}}]", 7, "rules[0].when.min_context_above", ["number"]),
        ("lengths: {long_prompt: {use: openai/gpt-4o, above: true}}", 7, "lengths", ["above of long_prompt"]),
        ("domains: {d: {use: openai/gpt-4o, keywords: ['']}}", 7, "domains.d.keywords[0]", ["is empty"]),
        ("domains: {d: {use: openai/gpt-4o, keywords: [law, ' ']}}", 7, "domains.d.keywords[1]", ["is empty"]),
        ("tracing: {sample: .nan}", 7, "tracing.sample", ["finite"]),
        ("aliases:\n  fast: [openai/gpt-4o-min]", 8, "aliases.fast[0]", ["no target", '"openai/gpt-4o-mini"?']),
        ("aliases:\n  fast: []", 8, "aliases.fast", ["names no target"]),
        ("aliases:\n  a: [b]\n  b: [c]\n  c: [openai/gpt-4o, a]", 8, "aliases.a", ["circle", "a -> b -> c -> a"]),
        ("aliases:\n  me: [me]", 8, "aliases.me", ["circle", "me -> me"]),
        ("aliases:\n  fast: openai/gpt-4o", 8, "aliases.fast", ["must be a list"]),
        ("aliases:\n  fa/st: [openai/gpt-4o]", 8, "aliases.fa/st", ["a name is made of"]),
        ("aliases: {fast: [openai/gpt-4o]}\nchains:\n  fsat: [fast]", 9, "chains.fsat", ["no alias", '"fast"?']),
        ("default_profile: ballanced", 7, "default_profile", ["no profile", '"balanced"?']),
        ("profiles:\n  x: {scorers: {cost: -1}}", 8, "profiles.x.scorers", ["cost is negative"]),
        ("profiles:\n  x: {scorers: {cost: 0, quality: 0}}", 8, "profiles.x.scorers", ["all weights are 0"]),
        ("profiles:\n  x: {attempts: {targets: 0}}", 8, "profiles.x.attempts.targets", ["greater than or equal to 1"]),
        ("profiles:\n  x: {attempts: {targets: many}}", 8, "profiles.x.attempts.targets", ["a whole number"]),
        ("profiles:\n  x: {attempts: {idle_timeout: 0s}}", 8, "profiles.x.attempts", ["idle_timeout is 0"]),
        ("profiles:\n  x: {last_resort: openai/none}", 8, "profiles.x.last_resort", ["no target"]),
        ("profiles:\n  x: {chain: [nobody]}", 8, "profiles.x.chain[0]", ["no alias or target"]),
        ("profiles: [x]", 7, "profiles", ["a mapping"]),
        ("tasks:\n  coding: openai/gpt-4o", 8, "tasks.coding", ["no task", "code_generation"]),
        ("tasks:\n  creative: {use: [openai/gpt-4], restrict: true}", 8, "tasks.creative.use[0]", ["no target"]),
        ("tasks:\n  creative: {restrict: true}", 8, "tasks.creative", ["use or profile"]),
        ("tiers:\n  simpel: openai/gpt-4o", 8, "tiers.simpel", ["no complexity", '"simple"?']),
        ("rules:\n  - use: fast", 8, "rules[0].use[0]", ["no alias or target"]),
        ("rules:\n  - {when: {task: sing}, use: openai/gpt-4o}", 8, "rules[0].when.task", ["no task"]),
        ('rules:\n  - {when: {after: "25:00"}, use: openai/gpt-4o}', 8, "rules[0].when.after", ["form"]),
        ("rules:\n  - {when: {domain: legal}, use: openai/gpt-4o}", 8, "rules[0].when.domain[0]", ["no domain"]),
        ("rules:\n  - {when: {tokens: 5}, use: openai/gpt-4o}", 8, "rules[0].when.tokens", ["no setting"]),
        ("ensembles:\n  panel: {profiles: {costs: 1}}", 8, "ensembles.panel.profiles.costs", ["no profile", '"cost"?']),
        ("ensembles:\n  cost: {profiles: {quality: 1}}", 8, "ensembles.cost", ["has this name already"]),
    ],
)
def test_a_mistake_is_shown_in_its_place_with_what_to_do(addition: str, line: int, path: str, words: list[str]) -> None:
    """One wrong thing gives one line: where, what, and what would be right."""
    mistake = only_mistake(BACKENDS + addition)
    assert (mistake.file, mistake.line, mistake.path) == ("trunkline.yaml", line, path)
    for word in words:
        assert word in str(mistake)


@pytest.mark.parametrize(
    ("model", "path", "words"),
    [
        ("opnai/gpt-4o: {}", "models.opnai/gpt-4o", ['no backend "opnai"', '"openai"?']),
        ("gpt-4o: {}", "models.gpt-4o", ["backend/model"]),
        ("openai/gpt-4o: {quality: 1.2}", "models.openai/gpt-4o.quality", ["less than or equal to 1"]),
        ("openai/gpt-4o: {quality: true}", "models.openai/gpt-4o.quality", ["a number, not true or false"]),
        ("openai/gpt-4o: {capabilities: {law: true}}", "models.openai/gpt-4o.capabilities.law", ["number"]),
        ("openai/gpt-4o: {quality: good}", "models.openai/gpt-4o.quality", ["number"]),
        ("openai/gpt-4o: {capabilities: {coding: 11}}", "models.openai/gpt-4o.capabilities.coding", ["equal to 10"]),
        ("openai/gpt-4o: {capabilities: {coding: 0}}", "models.openai/gpt-4o.capabilities.coding", ["equal to 1"]),
        ("openai/gpt-4o: {abilities: [visoin]}", "models.openai/gpt-4o.abilities[0]", ["one of", '"vision"?']),
        ("openai/gpt-4o: {price: {input: 1}}", "models.openai/gpt-4o.price.output", ["needed and missing"]),
        ("openai/gpt-4o: {price: {input: -1, output: 1}}", "models.openai/gpt-4o.price.input", ["out of range"]),
        ("openai/gpt-4o: {price: {input: a, output: 1}}", "models.openai/gpt-4o.price.input", ["in dollars"]),
        ("openai/gpt-4o: {mode: chatty}", "models.openai/gpt-4o.mode", ['"chat"?']),
        ("openai/gpt-4o: {retires_on: soon}", "models.openai/gpt-4o.retires_on", ["a date"]),
        ("openai/gpt-4o: {successor: openai/x}", "models.openai/gpt-4o.successor", ["no target"]),
        ("openai/gpt-4o-mni: {}", "models.openai/gpt-4o-mni", ["price and its context_window", '"gpt-4o-mini"?']),
        ("openai/gpt-4o-mni: {context_window: 5}", "models.openai/gpt-4o-mni", ["Say its price."]),
    ],
)
def test_a_wrong_model_is_named(model: str, path: str, words: list[str], facts: FactsTable) -> None:
    """What is said of a model must make sense, and of an unknown one enough must be said."""
    text = f"backends: {{openai: {{kind: openai_wire}}}}\nmodels:\n  {model}\n"
    mistake = only_mistake(text, Knowledge(facts=facts))
    assert (mistake.line, mistake.path) == (3, path)
    for word in words:
        assert word in str(mistake)


@pytest.mark.parametrize(
    ("backend", "path", "words"),
    [
        ("d: {kind: openai_wire, api_key: '${K}'}", "backends.d", ['"d" is not known', "Say its base_url."]),
        ("gorq: {kind: openai_wire}", "backends.gorq", ["no base_url", 'Did you mean "groq"?']),
        ("local: {kind: ollama, provider: lama}", "backends.local", ['"lama" is not known']),
        ("o: {kind: openai_wire, base_url: here}", "backends.o.base_url", ["http://"]),
        ("o: {kind: openai_wire, base_url: 'http://[bad'}", "backends.o.base_url", ["its brackets"]),
        ("o: {kind: openai_wire, base_url: 'http://h:port/v1'}", "backends.o.base_url", ["its port is no number"]),
        ("n: {kind: litellm, provider: antropic}", "backends.n.provider", ['no provider "antropic"', '"anthropic"?']),
        ("house: {kind: litellm}", "backends.house.provider", ['no provider "house"', "Say its provider"]),
        ("own: {kind: external, base_url: 'http://h'}", "backends.own", ["external has no base_url", "for itself"]),
        ("own: {kind: external, api_key: '${K}', pull: true}", "backends.own", ["no api_key and no pull"]),
    ],
)
def test_a_backend_that_leads_nowhere_is_named(backend: str, path: str, words: list[str], facts: FactsTable) -> None:
    """Where it is must be said where that is not known, and a provider by litellm's name for it."""
    mistake = only_mistake(f"backends:\n  {backend}\n", Knowledge(facts=facts))
    assert (mistake.line, mistake.path) == (2, path)
    for word in words:
        assert word in str(mistake)


def test_a_worker_of_ones_own_tells_what_the_file_need_not(facts: FactsTable) -> None:
    """Neither where it is, nor what the table of facts does not know of its models."""
    text = "backends: {house: {kind: external, discover: true}}\nmodels: {house/m: {quality: 0.7}}\n"
    parsed = parse_configuration(text, Path("trunkline.yaml"), {}, Knowledge(facts=facts))
    assert parsed.backends["house"].kind == "external"


def test_all_mistakes_are_reported_at_once_in_the_order_of_the_file() -> None:
    """Mistakes of form, of names and of values do not hide one another."""
    found = mistakes_in(
        """\
backends:
  openai: {kind: openai_wire, api_key: sk-abcdefgh, tiemouts: {}}
  openai: {kind: ollama}
  groq: {kind: grok}
models:
  openai/gpt-4o: {quality: 7}
  groq/llama: {}
aliases:
  fast: [openai/gpt-4o, groq/lama]
profiles:
  own: {scorers: {cost: -1}, attempts: {total: x}}
default_profile: onw
"""
    )
    assert [(mistake.line, mistake.path) for mistake in found] == [
        (2, "backends.openai.api_key"),
        (2, "backends.openai.tiemouts"),
        (3, "backends.openai"),
        (4, "backends.groq.kind"),
        (6, "models.openai/gpt-4o.quality"),
        (9, "aliases.fast[1]"),
        (11, "profiles.own.attempts.total"),
        (11, "profiles.own.scorers"),
        (12, "default_profile"),
    ]


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("", 0, "empty"),
        ("# nothing but a comment\n", 0, "empty"),
        ("just words", 1, "not a configuration"),
        ("- a\n- b", 1, "not a configuration"),
        ("backends: [1\nmodels: 2", 2, "not YAML"),
        ("backends:\n\topenai: {}", 2, "spaces, not tabs"),
        ('backends: "unfinished', 1, "not YAML"),
        ("backends: \x00", 1, "not YAML"),
        ("backends: &b {self: *b}", 1, "contain itself"),
        ("backends: !!python/object:os.system {}", 1, "tag"),
        ("[" * 5000, 1, "too deeply"),
        ("models: {}", 1, "needed and missing"),
        ("backends: {}", 1, "At least one"),
    ],
)
def test_a_file_that_is_no_configuration_says_so(text: str, line: int, words: str) -> None:
    """Not YAML, not a mapping, empty: a clear line instead of a stack trace."""
    found = mistakes_in(text)
    assert found[0].line == line
    assert words in str(found[0])


def test_anchors_cannot_ask_for_any_amount_of_memory() -> None:
    """A file of a few lines that would expand to a billion nodes is refused at once."""
    levels = "\n".join(f"l{i}: &l{i} [{', '.join([f'*l{i - 1}'] * 10)}]" for i in range(1, 10))
    assert any("beyond measure" in mistake.message for mistake in mistakes_in(f"l0: &l0 [x]\n{levels}"))


def test_a_file_that_is_not_there_names_its_neighbour(tmp_path: Path) -> None:
    """A wrong file name is a mistake like any other."""
    (tmp_path / "trunkline.yaml").write_text(BACKENDS)
    with pytest.raises(ConfigurationErrors) as caught:
        load_configuration(tmp_path / "trunklin.yaml", {})
    assert 'no such file. Did you mean "trunkline.yaml"?' in str(caught.value)


def test_a_file_that_is_no_text_says_so(tmp_path: Path) -> None:
    """Bytes that are no UTF-8 are reported, not raised as they are, and the file is not suggested in its own place."""
    file = tmp_path / "trunkline.yaml"
    file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigurationErrors, match="UTF-8") as caught:
        load_configuration(file, {})
    assert "Did you mean" not in str(caught.value)


def test_a_successor_must_outlive_the_model(facts: FactsTable) -> None:
    """A model is not replaced by one that is itself retired, nor by itself in a circle."""
    models = """\
backends: {openai: {kind: openai_wire}}
models:
  openai/gpt-4o: {retires_on: 2027-01-01, successor: openai/gpt-4.1}
  openai/gpt-4.1: {retires_on: 2026-12-01}
"""
    assert "not after openai/gpt-4o itself" in only_mistake(models).message
    gone = models.replace("retires_on: 2027-01-01, ", "")
    assert "retires on 2026-12-01" in only_mistake(gone, Knowledge(today=date(2026, 12, 2))).message
    parse_configuration(gone, Path("f"), {}, Knowledge(facts=facts, today=date(2026, 11, 30)))
    circle = models.replace("{retires_on: 2026-12-01}", "{successor: openai/gpt-4o}").replace(
        "2027-01-01", "2026-01-01"
    )
    assert any("lead back" in mistake.message for mistake in mistakes_in(circle))


def test_what_a_discovering_backend_has_may_be_named() -> None:
    """An alias may name a model that is not listed where its backend discovers what it has."""
    configuration = parse_configuration(f"{BACKENDS}aliases: {{local: [ollama/llama3.1]}}", Path("f"), {})
    assert configuration.aliases["local"] == ("ollama/llama3.1",)
