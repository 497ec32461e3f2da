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
        0.062,  # upper
        0.006,  # digits
        2.322,  # numbers
        0.180,  # punctuation
        0.764,  # lines
        1.641,  # indents
        1.114,  # accented
        0.006,  # accented_words
        0.780,  # symbols
        0.404,  # greek
        0.312,  # cyrillic
        0.356,  # semitic
        0.392,  # indic
        0.760,  # kana
        0.811,  # han
        0.839,  # hangul
        0.856,  # full_width
        2.589,  # emoji
    ),
    Family.LLAMA: (
        0.217,  # letters
        0.308,  # words
        0.065,  # upper
        0.033,  # digits
        2.233,  # numbers
        0.189,  # punctuation
        0.489,  # lines
        1.515,  # indents
        0.166,  # accented
        0.105,  # accented_words
        0.791,  # symbols
        0.408,  # greek
        0.331,  # cyrillic
        0.423,  # semitic
        0.552,  # indic
        0.705,  # kana
        0.878,  # han
        0.886,  # hangul
        0.494,  # full_width
        2.757,  # emoji
    ),
    Family.CLAUDE: (
        0.219,  # letters
        0.327,  # words
        0.132,  # upper
        0.000,  # digits
        2.347,  # numbers
        0.220,  # punctuation
        1.006,  # lines
        1.379,  # indents
        2.546,  # accented
        0.020,  # accented_words
        0.078,  # symbols
        1.299,  # greek
        0.581,  # cyrillic
        1.022,  # semitic
        1.496,  # indic
        1.014,  # kana
        1.015,  # han
        1.402,  # hangul
        0.918,  # full_width
        2.932,  # emoji
    ),
    Family.GEMINI: (
        0.219,  # letters
        0.222,  # words
        0.100,  # upper
        0.541,  # digits
        2.329,  # numbers
        0.233,  # punctuation
        0.907,  # lines
        2.551,  # indents
        0.952,  # accented
        0.000,  # accented_words
        1.226,  # symbols
        0.406,  # greek
        0.287,  # cyrillic
        0.374,  # semitic
        0.316,  # indic
        0.471,  # kana
        0.660,  # han
        0.767,  # hangul
        1.306,  # full_width
        2.631,  # emoji
    ),
    Family.MISTRAL: (
        0.239,  # letters
        0.154,  # words
        0.152,  # upper
        0.599,  # digits
        2.099,  # numbers
        0.193,  # punctuation
        0.609,  # lines
        1.708,  # indents
        1.054,  # accented
        0.022,  # accented_words
        0.521,  # symbols
        0.438,  # greek
        0.362,  # cyrillic
        0.354,  # semitic
        0.494,  # indic
        0.694,  # kana
        1.079,  # han
        0.833,  # hangul
        0.000,  # full_width
        3.090,  # emoji
    ),
    Family.QWEN: (
        0.201,  # letters
        0.359,  # words
        0.074,  # upper
        0.571,  # digits
        2.164,  # numbers
        0.187,  # punctuation
        0.502,  # lines
        1.568,  # indents
        0.584,  # accented
        0.095,  # accented_words
        0.037,  # symbols
        0.992,  # greek
        0.397,  # cyrillic
        0.404,  # semitic
        0.717,  # indic
        0.727,  # kana
        0.722,  # han
        0.956,  # hangul
        0.856,  # full_width
        2.790,  # emoji
    ),
    Family.DEEPSEEK: (
        0.141,  # letters
        0.684,  # words
        0.229,  # upper
        0.034,  # digits
        2.252,  # numbers
        0.203,  # punctuation
        0.192,  # lines
        2.289,  # indents
        1.405,  # accented
        0.045,  # accented_words
        0.090,  # symbols
        0.451,  # greek
        0.303,  # cyrillic
        0.333,  # semitic
        0.459,  # indic
        0.742,  # kana
        0.613,  # han
        0.955,  # hangul
        1.708,  # full_width
        2.399,  # emoji
    ),
    Family.DEFAULT: (
        0.217,  # letters
        0.280,  # words
        0.102,  # upper
        0.062,  # digits
        2.517,  # numbers
        0.199,  # punctuation
        0.648,  # lines
        1.764,  # indents
        0.995,  # accented
        0.042,  # accented_words
        0.653,  # symbols
        0.473,  # greek
        0.350,  # cyrillic
        0.397,  # semitic
        0.461,  # indic
        0.707,  # kana
        0.781,  # han
        0.908,  # hangul
        1.028,  # full_width
        2.740,  # emoji
    ),
}
