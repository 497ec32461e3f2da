"""Behaviours and faults as values: their JSON and text forms, and the mistakes in them."""

from pathlib import Path
from typing import Any

import pytest

from provider_workers.simulated import Behaviour, Fault, ProviderSpec, SimulatedProviders
from provider_workers.simulated.behaviour import behaviour_from_json, fault_from_text
from provider_workers.simulated.catalogue import keep_alive_seconds
from provider_workers.simulated.faults import FAULT_FIELDS, FAULTS, WIRE_NAMES
from provider_workers.simulated.schema_instance import SchemaError, instance_of
from provider_workers.simulated.spec import spec_from_text
from provider_workers.simulated.wires.registry import OTHER_WIRE, WIRES


@pytest.mark.parametrize("kind", FAULTS)
def test_json_form_comes_back(kind: str) -> None:
    """What is written can be read again."""
    behaviour = Behaviour(first_token_latency=0.5, faults=(Fault(kind, times=2, retry_after=1.5),))
    assert behaviour_from_json(behaviour.to_json()) == behaviour


def test_short_forms() -> None:
    """A name alone, a name with its parameters beside it, an object, and no fault at all."""
    assert behaviour_from_json({"fault": "cut"}).faults == (Fault("cut"),)
    flat = behaviour_from_json({"fault": "cut", "after_tokens": 2, "answer_tokens": 9})
    assert (flat.faults, flat.answer_tokens) == ((Fault("cut", after_tokens=2),), 9)
    assert behaviour_from_json({"fault": {"fault": "cut", "times": 1}}).faults == (Fault("cut", times=1),)
    assert behaviour_from_json({"fault": None}, Behaviour(faults=(Fault("cut"),))).faults == ()
    assert fault_from_text("503,times=2,probability=0.5") == Fault("503", times=2, probability=0.5)
    assert fault_from_text("429,retry_after_format=date,keep_open=true").keep_open is True
    assert fault_from_text('{"fault": "stall", "seconds": 1}') == Fault("stall", seconds=1)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"fault": "stal"}, 'Did you mean "stall"?'),
        ({"fualt": "stall"}, 'Did you mean "fault"?'),
        ({"faults": [{"fault": "stall", "after_token": 1}]}, 'Did you mean "after_tokens"?'),
        ({"answer_tokens": "many"}, "must be of type int"),
        ({"answer_tokens": True}, "must be of type int"),
        ({"answer_tokens": -1}, "must not be negative"),
        ({"fault": "503", "probability": 2}, "from 0 to 1"),
        ({"fault": "wrong_wire", "wire": "opnai"}, 'Did you mean "openai"?'),
        ({"fault": "503", "faults": []}, "not both"),
        ({"faults": {}}, "must be a list"),
        ([], "is a JSON object"),
        ({"faults": [{"times": 1}]}, 'needs the key "fault"'),
    ],
)
def test_mistakes_are_named(data: Any, words: str) -> None:
    """Each mistake says what is wrong and, where a name is near, which was meant."""
    with pytest.raises(ValueError, match=words.replace("?", r"\?")):
        behaviour_from_json(data)


def test_specifications() -> None:
    """NAME, NAME:WIRE and an address; defaults by name; unknown names speak the OpenAI wire."""
    assert spec_from_text("groq").resolved().wire == "openai"
    assert spec_from_text("mine:ollama").resolved().models == ("llama3.1", "nomic-embed-text")
    spec = spec_from_text("openai=127.0.0.1:8080")
    assert (spec.host, spec.port) == ("127.0.0.1", 8080)
    for text in ("openai=8080", "openai=host:port", "openai=host:99999", ":openai", "x:opnai"):
        with pytest.raises(ValueError, match=r"HOST:PORT|name|wire"):
            spec_from_text(text)


def test_two_providers_of_one_name() -> None:
    """A name is taken once; no provider at all is a mistake, too."""
    with pytest.raises(ValueError, match='two providers have the name "a"'):
        SimulatedProviders([ProviderSpec("a"), ProviderSpec("a")])
    with pytest.raises(ValueError, match="at least one"):
        SimulatedProviders([])


def test_wires_agree_with_their_names() -> None:
    """Every wire that a fault may name exists, and has another to be confused with."""
    assert tuple(WIRES) == WIRE_NAMES
    assert set(OTHER_WIRE) == set(OTHER_WIRE.values()) | set(WIRES)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [(None, 300), (0, 0), (-1, -1), ("10m", 600), ("1h30m", 5400), ("500ms", 0.5), ("-1m", -60), ("0", 0), (2.5, 2.5)],
)
def test_keep_alive(value: object, seconds: float) -> None:
    """Seconds and Go durations."""
    assert keep_alive_seconds(value) == pytest.approx(seconds)


def test_documentation_lists_every_name() -> None:
    """Each fault, each parameter of a fault and each field of a behaviour has its row."""
    page = (Path(__file__).parents[3] / "docs" / "simulation.md").read_text()
    names = [*FAULTS, *FAULT_FIELDS, *Behaviour().to_json(), *WIRES]
    assert [name for name in names if f"`{name}`" not in page] == []


def test_recursive_schema_ends() -> None:
    """A schema that contains itself has a finite instance."""
    node = {"type": "object", "properties": {"next": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]}}}
    value = instance_of({"$ref": "#/$defs/node", "$defs": {"node": node}})
    depth = 0
    while value:
        value = value["next"]
        depth += 1
    assert 1 <= depth <= 12


NODE = {"type": "object", "properties": {str(name): {"$ref": "#"} for name in range(30)}}
ENDLESS = [
    NODE,
    {"type": "array", "minItems": 9_000, "items": {"const": "x" * 1_000}},
    {"type": "array", "minItems": 9_000, "items": {"enum": ["x" * 1_000]}},
    {"type": "array", "minItems": 9_000, "items": {"type": "object", "properties": {"x" * 1_000: {}}}},
    {"type": "array", "minItems": 9_000, "items": {"type": "string", "minLength": 1_000}},
    {"allOf": [{}] * 20_000},
    {"type": "integer", "minimum": float("inf")},
    {"type": "string", "minLength": "long"},
    {"type": "object", "properties": [1]},
    {"enum": 5},
    {"allOf": [5]},
]


@pytest.mark.parametrize("schema", ENDLESS)
def test_a_schema_without_a_reasonable_instance_is_told(schema: dict[str, Any]) -> None:
    """Few bytes of schema can ask for more than any memory holds."""
    with pytest.raises(SchemaError, match="schema is"):
        instance_of(schema)


def test_a_large_schema_has_its_instance() -> None:
    """What real providers answer is answered."""
    assert len(instance_of({"type": "array", "minItems": 5_000})) == 5_000
    assert len(instance_of({"type": "string", "minLength": 100_000})) == 100_000
