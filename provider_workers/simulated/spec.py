"""What is to be simulated: a provider's name, wire, models and address, with defaults by name."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from provider_workers.simulated.behaviour import Behaviour
from provider_workers.simulated.faults import one_of
from provider_workers.simulated.wires.registry import WIRES

DEFAULT_HOST: Final = "127.0.0.1"

DEFAULT_MODELS: Final[Mapping[str, tuple[str, ...]]] = {
    "openai": ("gpt-4o", "gpt-4o-mini", "text-embedding-3-small", "gpt-5.4", "gpt-5-mini"),
    "groq": ("llama-3.3-70b-versatile", "llama-3.1-8b-instant", "openai/gpt-oss-120b", "openai/gpt-oss-20b"),
    "mistral": (
        "mistral-large-latest",
        "mistral-medium-latest",
        "mistral-small-latest",
        "codestral-latest",
        "mistral-embed",
    ),
    "deepseek": ("deepseek-chat", "deepseek-reasoner", "deepseek-v4-pro", "deepseek-v4-flash"),
    "openrouter": (
        "openai/gpt-4o-mini",
        "anthropic/claude-sonnet-4.5",
        "anthropic/claude-sonnet-4-6",
        "google/gemini-2.5-flash",
    ),
    "together": ("meta-llama/Llama-3.3-70B-Instruct-Turbo",),
    "vllm": ("meta-llama/Llama-3.1-8B-Instruct",),
    "ollama": ("llama3.1", "nomic-embed-text"),
    "anthropic": ("claude-sonnet-4-5", "claude-haiku-4-5", "claude-sonnet-4-6", "claude-opus-4-6"),
    "gemini": ("gemini-2.5-flash", "gemini-2.5-pro", "gemini-2.5-flash-lite", "gemini-embedding-001"),
}


@dataclass(frozen=True, slots=True)
class ProviderSpec:
    """One provider to simulate. An empty `wire` or `models` means the default of that name; port 0 any free port.

    Raises:
        ValueError: an unknown wire.
    """

    name: str
    wire: str = ""
    models: tuple[str, ...] = ()
    host: str = DEFAULT_HOST
    port: int = 0
    behaviour: Behaviour = field(default_factory=Behaviour)

    def __post_init__(self) -> None:
        if not self.name:
            raise ValueError("a provider needs a name")
        if self.wire:
            one_of("wire", self.wire, WIRES)

    def resolved(self) -> "ProviderSpec":
        """This specification with its defaults filled in."""
        wire = self.wire or (self.name if self.name in WIRES else "openai")
        models = self.models or DEFAULT_MODELS.get(self.name) or DEFAULT_MODELS[wire]
        return replace(self, wire=wire, models=models)


def spec_from_text(text: str, host: str = DEFAULT_HOST) -> ProviderSpec:
    """A specification from `NAME[:WIRE][=HOST:PORT]`.

    Raises:
        ValueError: not of that form, or an unknown wire.
    """
    head, separator, address = text.partition("=")
    name, _, wire = head.partition(":")
    if not separator:
        return ProviderSpec(name, wire, host=host)
    own_host, port = address_from_text(address)
    return ProviderSpec(name, wire, host=own_host, port=port)


def address_from_text(text: str) -> tuple[str, int]:
    """Host and port from `HOST:PORT`; an IPv6 host stands in brackets.

    Raises:
        ValueError: not of that form.
    """
    host, separator, port = text.rpartition(":")
    if not separator or not host or not port.isdigit() or int(port) > 65535:
        raise ValueError(f'"{text}" is not HOST:PORT')
    return host.strip("[]"), int(port)
