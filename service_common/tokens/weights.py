"""Tokens per feature and model family, fitted by `tools/fit_token_weights.py`; do not edit by hand.

Each row follows `service_common.tokens.features.NAMES`. Fitted on 31 kinds of text (prose, code, JSON, logs, in 20
natural languages) with the tokenizers o200k_base, Llama 3.1, the published Claude one, Gemma 3, Tekken, Qwen 3 and
DeepSeek V3.
"""

from service_common.tokens.family import Family

WEIGHTS: dict[Family, tuple[float, ...]] = {
    Family.OPENAI: (
        0.216,  # letters
        0.218,  # words
        0.061,  # upper
        0.003,  # digits
        2.331,  # numbers
        0.182,  # punctuation
        0.784,  # lines
        1.613,  # indents
        1.118,  # accented
        0.005,  # accented_words
        0.789,  # symbols
        0.403,  # greek
        0.312,  # cyrillic
        0.355,  # semitic
        0.392,  # indic
        0.760,  # kana
        0.811,  # han
        0.839,  # hangul
        0.850,  # full_width
        2.594,  # emoji
    ),
    Family.LLAMA: (
        0.217,  # letters
        0.309,  # words
        0.065,  # upper
        0.033,  # digits
        2.234,  # numbers
        0.191,  # punctuation
        0.482,  # lines
        1.517,  # indents
        0.169,  # accented
        0.104,  # accented_words
        0.799,  # symbols
        0.408,  # greek
        0.330,  # cyrillic
        0.423,  # semitic
        0.552,  # indic
        0.705,  # kana
        0.878,  # han
        0.886,  # hangul
        0.493,  # full_width
        2.756,  # emoji
    ),
    Family.CLAUDE: (
        0.219,  # letters
        0.325,  # words
        0.132,  # upper
        0.000,  # digits
        2.344,  # numbers
        0.223,  # punctuation
        1.005,  # lines
        1.368,  # indents
        2.547,  # accented
        0.020,  # accented_words
        0.081,  # symbols
        1.299,  # greek
        0.581,  # cyrillic
        1.023,  # semitic
        1.496,  # indic
        1.014,  # kana
        1.015,  # han
        1.401,  # hangul
        0.915,  # full_width
        2.932,  # emoji
    ),
    Family.GEMINI: (
        0.219,  # letters
        0.216,  # words
        0.099,  # upper
        0.538,  # digits
        2.330,  # numbers
        0.237,  # punctuation
        0.944,  # lines
        2.499,  # indents
        0.949,  # accented
        0.001,  # accented_words
        1.217,  # symbols
        0.406,  # greek
        0.287,  # cyrillic
        0.375,  # semitic
        0.316,  # indic
        0.469,  # kana
        0.660,  # han
        0.765,  # hangul
        1.298,  # full_width
        2.640,  # emoji
    ),
    Family.MISTRAL: (
        0.240,  # letters
        0.147,  # words
        0.152,  # upper
        0.599,  # digits
        2.093,  # numbers
        0.199,  # punctuation
        0.626,  # lines
        1.676,  # indents
        1.050,  # accented
        0.023,  # accented_words
        0.509,  # symbols
        0.439,  # greek
        0.363,  # cyrillic
        0.355,  # semitic
        0.495,  # indic
        0.694,  # kana
        1.079,  # han
        0.832,  # hangul
        0.000,  # full_width
        3.094,  # emoji
    ),
    Family.QWEN: (
        0.201,  # letters
        0.361,  # words
        0.074,  # upper
        0.570,  # digits
        2.165,  # numbers
        0.189,  # punctuation
        0.493,  # lines
        1.572,  # indents
        0.586,  # accented
        0.095,  # accented_words
        0.045,  # symbols
        0.992,  # greek
        0.397,  # cyrillic
        0.404,  # semitic
        0.717,  # indic
        0.727,  # kana
        0.722,  # han
        0.956,  # hangul
        0.855,  # full_width
        2.789,  # emoji
    ),
    Family.DEEPSEEK: (
        0.141,  # letters
        0.680,  # words
        0.229,  # upper
        0.033,  # digits
        2.248,  # numbers
        0.209,  # punctuation
        0.193,  # lines
        2.268,  # indents
        1.402,  # accented
        0.046,  # accented_words
        0.082,  # symbols
        0.451,  # greek
        0.303,  # cyrillic
        0.334,  # semitic
        0.459,  # indic
        0.741,  # kana
        0.613,  # han
        0.954,  # hangul
        1.703,  # full_width
        2.400,  # emoji
    ),
    Family.DEFAULT: (
        0.217,  # letters
        0.277,  # words
        0.102,  # upper
        0.061,  # digits
        2.518,  # numbers
        0.203,  # punctuation
        0.658,  # lines
        1.743,  # indents
        0.995,  # accented
        0.042,  # accented_words
        0.652,  # symbols
        0.473,  # greek
        0.350,  # cyrillic
        0.397,  # semitic
        0.461,  # indic
        0.707,  # kana
        0.781,  # han
        0.907,  # hangul
        1.023,  # full_width
        2.743,  # emoji
    ),
}
