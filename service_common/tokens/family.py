"""Which tokenizer a model's name points to."""

from enum import StrEnum
from functools import lru_cache


class Family(StrEnum):
    """Models that share a tokenizer, or nearly so."""

    OPENAI = "openai"
    LLAMA = "llama"
    CLAUDE = "claude"
    GEMINI = "gemini"
    MISTRAL = "mistral"
    QWEN = "qwen"
    DEEPSEEK = "deepseek"
    DEFAULT = "default"


# The first that occurs in the name decides, so a distillation goes with the model that it was distilled into.
_MARKS: tuple[tuple[str, Family], ...] = (
    ("distill-llama", Family.LLAMA),
    ("distill-qwen", Family.QWEN),
    ("deepseek", Family.DEEPSEEK),
    ("claude", Family.CLAUDE),
    ("gemini", Family.GEMINI),
    ("gemma", Family.GEMINI),
    ("mistral", Family.MISTRAL),
    ("mixtral", Family.MISTRAL),
    ("ministral", Family.MISTRAL),
    ("magistral", Family.MISTRAL),
    ("codestral", Family.MISTRAL),
    ("devstral", Family.MISTRAL),
    ("pixtral", Family.MISTRAL),
    ("qwen", Family.QWEN),
    ("qwq", Family.QWEN),
    ("llama", Family.LLAMA),
    ("gpt", Family.OPENAI),
    ("codex", Family.OPENAI),
    ("text-embedding-3", Family.OPENAI),
)
_OPENAI_REASONING = ("o1", "o3", "o4")


@lru_cache(maxsize=1024)
def family_of(model: str) -> Family:
    """The family of `model`, by its name (`llama3.1:8b`, `openai/gpt-oss-20b`); `DEFAULT` where none is recognised."""
    name = model.lower()
    for mark, family in _MARKS:
        if mark in name:
            return family
    last = name.rpartition("/")[2]
    return Family.OPENAI if last.split("-")[0] in _OPENAI_REASONING else Family.DEFAULT
