"""The wires by name."""

from collections.abc import Mapping
from typing import Final

from provider_workers.simulated.wires.anthropic import AnthropicWire
from provider_workers.simulated.wires.base import Wire
from provider_workers.simulated.wires.gemini import GeminiWire
from provider_workers.simulated.wires.ollama import OllamaWire
from provider_workers.simulated.wires.openai import OpenAIWire

WIRES: Final[Mapping[str, Wire]] = {
    wire.name: wire for wire in (OpenAIWire(), OllamaWire(), AnthropicWire(), GeminiWire())
}

# What `wrong_wire` answers with when the fault does not say.
OTHER_WIRE: Final[Mapping[str, str]] = {
    "openai": "anthropic",
    "ollama": "openai",
    "anthropic": "openai",
    "gemini": "openai",
}
