"""The models of one simulated provider, and which of them are resident in memory."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

DEFAULT_KEEP_ALIVE: Final = 300.0
_UNITS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_EMBEDDING_MARKS: Final = ("embed", "bge-", "minilm")
_REASONING_MARKS: Final = ("qwen3", "deepseek-r1", "gpt-oss", "magistral", "gemini-2.5", "o1", "o3", "o4", "gpt-5")
_VISION_MARKS: Final = ("llava", "vision", "gpt-4o", "gpt-4.1", "gpt-5", "claude", "gemini", "gemma3", "pixtral", "-vl")
_CONTEXT_WINDOW: Final = 131_072
_DIMENSIONS: Final = 768
_DIMENSIONS_OF: Final = {
    "text-embedding-3-small": 1536,
    "text-embedding-3-large": 3072,
    "text-embedding-ada-002": 1536,
    "gemini-embedding-001": 3072,
    "mistral-embed": 1024,
    "mxbai-embed-large": 1024,
    "bge-m3": 1024,
    "all-minilm": 384,
}
"""Numbers of one vector where the real model makes another number than most."""


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """What a simulated model says of itself. `context_window` is in tokens, `dimensions` the numbers of one vector."""

    name: str
    embedding: bool
    vision: bool
    reasoning: bool
    context_window: int = _CONTEXT_WINDOW
    dimensions: int = _DIMENSIONS


def model_named(name: str) -> ModelInfo:
    """The facts of a model, guessed from its name as the real families are named."""
    plain = name.lower()
    return ModelInfo(
        name,
        embedding=any(mark in plain for mark in _EMBEDDING_MARKS),
        vision=any(mark in plain for mark in _VISION_MARKS),
        reasoning=any(mark in plain for mark in _REASONING_MARKS),
        dimensions=_DIMENSIONS_OF.get(plain.partition(":")[0], _DIMENSIONS),
    )


class Catalogue:
    """Models by name. `llama3.1` and `llama3.1:latest` are the same model, as for Ollama."""

    def __init__(self, names: Iterable[str]) -> None:
        self._models = {name: model_named(name) for name in names}
        self._resident: dict[str, float] = {}

    def find(self, name: str) -> ModelInfo | None:
        """The model of that name, or None."""
        model = self._models.get(name)
        if model is None and name.endswith(":latest"):
            model = self._models.get(name.removesuffix(":latest"))
        return model or self._models.get(f"{name}:latest")

    def all(self) -> list[ModelInfo]:
        """Every model, in the order in which it was added."""
        return list(self._models.values())

    def add(self, name: str) -> None:
        """Add a model (what a pull does)."""
        if self.find(name) is None:
            self._models[name] = model_named(name)

    def remove(self, name: str) -> bool:
        """Remove a model; whether it was there."""
        model = self.find(name)
        if model is None:
            return False
        self._resident.pop(model.name, None)
        del self._models[model.name]
        return True

    def touch(self, model: ModelInfo, keep_alive: float, now: float) -> bool:
        """Use a model and keep it resident for `keep_alive` seconds (0 unloads it); whether it was resident."""
        was_resident = self._resident.get(model.name, 0.0) > now
        if keep_alive == 0:
            self._resident.pop(model.name, None)
        else:
            self._resident[model.name] = now + keep_alive if keep_alive > 0 else float("inf")
        return was_resident

    def resident(self, now: float) -> list[tuple[ModelInfo, float]]:
        """The resident models, each with the time (seconds since the epoch) at which it is unloaded."""
        return [(self._models[name], until) for name, until in self._resident.items() if until > now]


def keep_alive_seconds(value: object) -> float:
    """Ollama's `keep_alive`: seconds, or a duration such as `5m` or `1h30m`; negative is for ever; None the default.

    Raises:
        ValueError: neither a number nor a duration.
    """
    if value is None:
        return DEFAULT_KEEP_ALIVE
    if isinstance(value, (int, float)):
        return float(value)
    text = str(value)
    sign = -1.0 if text.startswith("-") else 1.0
    total, number = 0.0, ""
    rest = text.lstrip("+-")
    while rest:
        digits = len(rest) - len(rest.lstrip("0123456789."))
        number, rest = rest[:digits], rest[digits:]
        unit = next((unit for unit in _UNITS if rest.startswith(unit)), "" if not rest else None)
        if not number or unit is None:
            raise ValueError(f'time: invalid duration "{text}"')
        total += float(number) * _UNITS.get(unit, 1.0)
        rest = rest[len(unit) :]
    return sign * total
