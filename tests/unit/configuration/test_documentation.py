"""docs/configuration.md describes what there is, and its examples work."""

import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from service_common.configuration import Configuration, parse_configuration
from service_common.configuration.validation import settings_at

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "configuration.md").read_text(encoding="utf-8")
BASE = """\
backends: {openai: {kind: openai_wire}, groq: {kind: openai_wire}, ollama: {kind: ollama, discover: true}}
models: {openai/gpt-4o-mini: {}, openai/gpt-5-mini: {}, groq/openai/gpt-oss-120b: {}}
"""


@pytest.mark.parametrize(
    "path",
    [
        (),
        ("router",),
        ("tracing",),
        ("metrics",),
        ("waiting",),
        ("idempotency",),
        ("shared",),
        ("backends", "any", "limits"),
        ("models", "any", "limits"),
        ("backends", "any"),
        ("backends", "any", "timeouts"),
        ("models", "any"),
        ("models", "any", "price"),
        ("models", "any", "priors"),
        ("profiles", "any"),
        ("profiles", "any", "attempts"),
        ("domains", "any"),
        ("rules", 0),
        ("rules", 0, "when"),
    ],
)
def test_every_setting_is_described(path: tuple[str | int, ...]) -> None:
    """A setting that a person cannot read about does not exist for them."""
    model: type[BaseModel] = Configuration
    names = settings_at(model, path)
    assert names
    assert [name for name in names if not re.search(rf"`[^`\n]*\b{name}\b[^`\n]*`", PAGE)] == []


def test_the_examples_load() -> None:
    """What is pasted from the page is accepted, after the backends and models that it refers to."""
    examples = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    assert len(examples) >= 3
    policies = ""
    for example in examples:
        if example.startswith("backends:"):
            parse_configuration(example, Path("docs/configuration.md"), {})
        else:
            policies += example
    parse_configuration(BASE + policies, Path("docs/configuration.md"), {})
