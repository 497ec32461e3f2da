"""Estimates how many tokens a request has, without a tokenizer.

A text's features (words, digits, punctuation, characters by script) are weighed per model family. Against the real
tokenizers, a kilobyte of English, code, JSON, German or Chinese is off by 3 to 12 % on average; `TokenCorrection`
learns the rest from what providers report.
"""

from operator import mul

from service_common.tokens.family import Family
from service_common.tokens.features import count_features
from service_common.tokens.weights import WEIGHTS

_SAMPLE = 8_192
"""Characters beyond which a text is sampled: the event loop is not held for a book."""
_SLICES = 16

# Role, separators and end mark of a message, per chat template; the priming of the answer once.
_PER_MESSAGE = {
    Family.OPENAI: 4,
    Family.LLAMA: 5,
    Family.CLAUDE: 4,
    Family.GEMINI: 5,
    Family.MISTRAL: 3,
    Family.QWEN: 5,
    Family.DEEPSEEK: 2,
    Family.DEFAULT: 4,
}
_PRIMING = 3
_PER_TOOL = 10
# Anthropic documents 346 tokens of system prompt as soon as there is one tool.
_TOOLS_ONCE = {Family.CLAUDE: 346}
_TOOLS_ONCE_DEFAULT = 20

# A picture of about one megapixel, as the providers document their counting.
_PER_IMAGE = {
    Family.OPENAI: 765,  # 85 + 4 tiles of 170
    Family.CLAUDE: 1600,  # width * height / 750, at most about 1,600
    Family.GEMINI: 1032,  # 4 tiles of 258
}
_PER_IMAGE_DEFAULT = 1300


def measure_text(text: str) -> tuple[float, ...]:
    """The features of `text`, to be weighed for any family with `weigh`; empty for an empty text.

    Takes about 10 us for 1 KB and grows linearly up to 8 K characters; of a longer text, 16 slices are counted.
    """
    if not text:
        return ()
    if len(text) <= _SAMPLE:
        return count_features(text)
    width = _SAMPLE // _SLICES
    step = (len(text) - width) / (_SLICES - 1)
    starts = [round(index * step) for index in range(_SLICES)]
    scale = len(text) / _SAMPLE
    sample = "".join([text[start : start + width] for start in starts])
    return tuple(scale * count for count in count_features(sample))


def weigh(features: tuple[float, ...], family: Family) -> int:
    """Tokens of a measured text for `family`: 0 for an empty text, at least 1 for any other."""
    # A text in ASCII has fewer features than there are weights: `map` stops at the shorter.
    return (round(sum(map(mul, features, WEIGHTS[family]))) or 1) if features else 0


def estimate_text(text: str, family: Family) -> int:
    """Tokens of `text` for `family`: 0 for an empty text, at least 1 for any other."""
    return weigh(measure_text(text), family)


def estimate_message_overhead(family: Family, messages: int, tools: int = 0) -> int:
    """Tokens that the chat template adds around `messages` messages and `tools` tool definitions.

    The texts themselves, the tools' names and schemas among them, are counted by `estimate_text`.
    """
    total = messages * _PER_MESSAGE[family] + _PRIMING
    if tools:
        total += _TOOLS_ONCE.get(family, _TOOLS_ONCE_DEFAULT) + tools * _PER_TOOL
    return total


def estimate_image(family: Family) -> int:
    """Tokens of one picture of about a megapixel; its true size is not looked at."""
    return _PER_IMAGE.get(family, _PER_IMAGE_DEFAULT)
