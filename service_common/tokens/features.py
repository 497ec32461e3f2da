"""Counts what a tokenizer's output depends on: words, digits, punctuation, and characters by script.

Each character becomes one byte, its class, by one `bytes.translate` of the UTF-8 form that drops continuation bytes;
what is left is counting of one and two byte patterns in C. That makes it linear, about 4 us a kilobyte of prose.
"""

NAMES = (
    "letters",
    "words",
    "upper",
    "digits",
    "numbers",
    "punctuation",
    "lines",
    "indents",
    "accented",
    "accented_words",
    "symbols",
    "greek",
    "cyrillic",
    "semitic",
    "indic",
    "kana",
    "han",
    "hangul",
    "full_width",
    "emoji",
)
"""The features, in the order in which `count_features` returns them."""

_LETTERS_PER_ACCENT = 20
"""A text with at least one accent in twenty letters is not English: all its letters count as foreign."""


def _class_table() -> bytes:
    """Class of each byte that can begin a character of UTF-8."""
    table = bytearray(b"p" * 256)
    ranges = {
        "a": (0x61, 0x7A),
        "A": (0x41, 0x5A),
        "0": (0x30, 0x39),
        "s": (0xC2, 0xC2),  # Latin-1 symbols; E2 below: typographic marks, arrows, mathematics
        "l": (0xC3, 0xCD),  # Latin with accents
        "g": (0xCE, 0xCF),  # Greek
        "c": (0xD0, 0xD4),  # Cyrillic
        "r": (0xD5, 0xDF),  # Armenian, Hebrew, Arabic, Syriac
        "i": (0xE0, 0xE1),  # Indic, Thai, Georgian, Vietnamese
        "k": (0xE3, 0xE3),  # kana and CJK punctuation
        "H": (0xE4, 0xE9),  # Han
        "o": (0xEA, 0xED),  # Hangul
        "f": (0xEE, 0xEF),  # full-width forms
        "e": (0xF0, 0xFF),  # emoji and what else lies beyond the basic plane
    }
    for name, (first, last) in ranges.items():
        table[first : last + 1] = name.encode() * (last + 1 - first)
    table[0xE2] = ord("s")
    table[ord(" ")] = table[ord("\t")] = table[ord("\r")] = ord(" ")
    table[ord("\n")] = ord("\n")
    return bytes(table)


def _marking(**members: bytes) -> bytes:
    """Class -> the mark under whose name it stands, else X: a mark behind an X is where a run begins."""
    table = bytearray(b"X" * 256)
    for mark, classes in members.items():
        for name in classes:
            table[name] = ord(mark)
    return bytes(table)


_CLASSES = _class_table()
_WORDS = _marking(L=b"aAlgcri", D=b"0")
"""Letters of an alphabet; those behind a digit begin no word."""
_NUMBERS = _marking(D=b"0")
_CONTINUATION = bytes(range(0x80, 0xC0))
_COMMON = b"a "
"""Most of most texts: what is left without them is so short that counting in it costs next to nothing."""
_LONG_BLANK = b" " * 64
"""Tokenizers have a token for about as many blanks: of those inside a line, only such runs count."""
_LONGEST_NUMBER = 7
"""Digits that a number has at most: with the weights of numbers and digits, longer runs come to a third of a token per
digit, as tokenizers cut them into threes. The weights were fitted to numbers as texts have them, which are shorter."""
_RARE_ASCII = b"A0p\n"


def count_features(text: str) -> tuple[int, ...]:
    """The features of `text`, in the order of `NAMES`; of a text in ASCII the first eight alone."""
    is_ascii = text.isascii()
    data = text.encode("utf-8", "replace")
    classes = data.translate(_CLASSES) if is_ascii else data.translate(_CLASSES, _CONTINUATION)
    rare = classes.translate(None, _COMMON)
    upper = rare.count(b"A")
    digits = rare.count(b"0")
    lines = rare.count(b"\n")
    lower = classes.count(b"a")
    letters = lower + upper
    words = _count_runs(classes.translate(_WORDS), b"L")
    blanks = len(classes) - lower - len(rare)
    common = (
        letters,
        words,
        upper,
        digits,
        max(_count_runs(classes.translate(_NUMBERS), b"D"), digits // _LONGEST_NUMBER) if digits else 0,
        rare.count(b"p"),
        lines,
        (classes.count(b"\n ") if lines else 0) + (classes.count(_LONG_BLANK) if blanks > words + 60 else 0),
    )
    if is_ascii:
        return common
    rest = rare.translate(None, _RARE_ASCII)
    accented = rest.count(b"l")
    scripts = tuple(rest.count(name) for name in (b"s", b"g", b"c", b"r", b"i", b"k", b"H", b"o", b"f", b"e"))
    return (*common, accented, min(letters, _LETTERS_PER_ACCENT * accented), *scripts)


def _count_runs(marked: bytes, mark: bytes) -> int:
    return marked.count(b"X" + mark) + marked.startswith(mark)
