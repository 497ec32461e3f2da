"""In what the providers that speak OpenAI's wire differ. One row for each; `generic` for everybody else."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from types import MappingProxyType


class Prefill(Enum):
    """How a provider continues a text that the assistant has begun."""

    NONE = auto()
    """It begins a new turn instead: a continuation is refused."""
    PLAIN = auto()
    """A last message of the assistant is continued."""
    PREFIX = auto()
    """A last message of the assistant marked `prefix: true` is continued (Mistral, DeepSeek)."""
    VLLM = auto()
    """`continue_final_message` in the body."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """One provider's variant of the wire.

    Attributes:
        max_tokens: the field that limits the answer.
        developer_role: whether it knows the role `developer`; else `system` is sent.
        stream_options: whether it takes `stream_options.include_usage`; else it reports usage by itself.
        top_k: whether it takes `top_k`.
        seed: the field for the seed.
    """

    max_tokens: str = "max_tokens"
    developer_role: bool = False
    stream_options: bool = True
    top_k: bool = False
    seed: str = "seed"
    prefill: Prefill = Prefill.NONE


_OPENAI = Dialect(max_tokens="max_completion_tokens", developer_role=True)

DIALECTS: Mapping[str, Dialect] = MappingProxyType(
    {
        "openai": _OPENAI,
        "azure": _OPENAI,
        "groq": Dialect(max_tokens="max_completion_tokens", prefill=Prefill.PLAIN),
        "mistral": Dialect(stream_options=False, seed="random_seed", prefill=Prefill.PREFIX),
        "deepseek": Dialect(),  # it continues a prefix at its beta address only
        "openrouter": Dialect(top_k=True, prefill=Prefill.PLAIN),
        "vllm": Dialect(top_k=True, prefill=Prefill.VLLM),
        "generic": Dialect(),
    }
)


def dialect_of(name: str, provider: str) -> Dialect:
    """The dialect that the configuration names, else the provider's, else that of everybody else.

    Raises:
        ValueError: no dialect has that name; the message lists them.
    """
    if name and name not in DIALECTS:
        raise ValueError(f'no dialect "{name}"; known: {", ".join(DIALECTS)}')
    return DIALECTS.get(name or provider, DIALECTS["generic"])
