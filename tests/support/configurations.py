"""Configuration files for tests that run a whole router against simulated providers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from provider_workers.simulated import SimulatedProviders
from service_common.configuration.writing import to_yaml

ORDERED = {"scorers": {"quality": 1}, "follows": []}
"""A profile that tries the targets in the order of their quality, so that a test knows the plan."""

QUICK_ATTEMPTS = {"retries_per_target": 0, "backoff_base": "10ms", "backoff_max": "20ms", "default_deadline": "20s"}


@dataclass(frozen=True, slots=True)
class Target:
    """One backend with one model; `section` and `model_section` override what stands in the file."""

    backend: str
    model: str
    kind: str = "openai_wire"
    section: Mapping[str, Any] = field(default_factory=dict)
    model_section: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """`backend/model`."""
        return f"{self.backend}/{self.model}"


FIRST = Target("openai", "gpt-4o")
SECOND = Target("groq", "llama-3.3-70b-versatile")
THIRD = Target("mistral", "mistral-large-latest")
LOCAL = Target("ollama", "llama3.1", kind="ollama")

PRICE = {"input": 1, "output": 2}
"""Dollars per million: a token of the prompt costs 1,000 nano-dollars, one of the answer 2,000."""


def configuration(
    targets: tuple[Target, ...],
    simulated: SimulatedProviders,
    attempts: Mapping[str, Any] | None = None,
    profile: Mapping[str, Any] | None = None,
    **more: Any,
) -> dict[str, Any]:
    """The targets in falling quality under the profile `ordered`, which `profile` adds to; `more` overrides whole
    sections."""
    backends: dict[str, Any] = {}
    models: dict[str, Any] = {}
    for position, target in enumerate(targets):
        address = {"kind": target.kind, "base_url": simulated.base_url(target.backend), "simulated": True}
        backends[target.backend] = {**address, **target.section}
        facts = {"price": PRICE, "context_window": 128_000, "abilities": ["vision", "tools", "json_schema"]}
        models[target.name] = {"quality": round(0.9 - position * 0.01, 3), **facts, **target.model_section}
    return {
        "router": {"heartbeat_interval": "500ms", "lame_duck": "100ms", "drain_grace": "5s"},
        "backends": backends,
        "models": models,
        "default_profile": "ordered",
        "profiles": {"ordered": {**ORDERED, "attempts": {**QUICK_ATTEMPTS, **(attempts or {})}, **(profile or {})}},
        **more,
    }


def write_configuration(folder: Path, content: Mapping[str, Any]) -> Path:
    """The file, in `folder`."""
    path = folder / "trunkline.yaml"
    path.write_text(to_yaml(content), encoding="utf-8")
    return path
