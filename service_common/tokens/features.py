"""Counts what a tokenizer's output depends on: words, digits, punctuation, and characters by script.

Each character becomes one byte, its class, by one `bytes.translate` of the UTF-8 form that drops continuation bytes;
what is left is counting of one and two byte patterns in C. That makes it linear, about 10 us a kilobyte.
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

ASCII_FEATURES = 8
"""How many of them a text in ASCII has."""

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


def _boundary_table() -> bytes:
    """Class -> L (letter of an alphabet), D (digit) or X (anything else), for finding where words begin."""
    table = bytearray(b"X" * 256)
    for name in b"aAlgcri":
        table[name] = ord("L")
    table[ord("0")] = ord("D")
    return bytes(table)


_CLASSES = _class_table()
_BOUNDARIES = _boundary_table()
_CONTINUATION = bytes(range(0x80, 0xC0))
_ASCII_CLASSES = b"aA0p \n"


def count_features(text: str) -> tuple[int, ...]:
    """The features of `text`, in the order of `NAMES`; of a text in ASCII the first `ASCII_FEATURES` alone."""
    data = text.encode("utf-8", "replace").translate(_CLASSES, _CONTINUATION)
    runs = data.translate(_BOUNDARIES)
    upper = data.count(b"A")
    letters = data.count(b"a") + upper
    common = (
        letters,
        runs.count(b"XL") + runs.startswith(b"L"),
        upper,
        data.count(b"0"),
        runs.count(b"XD") + runs.count(b"LD") + runs.startswith(b"D"),
        data.count(b"p"),
        data.count(b"\n"),
        data.count(b"\n "),
    )
    if text.isascii():
        return common
    rest = data.translate(None, _ASCII_CLASSES)
    accented = rest.count(b"l")
    scripts = tuple(rest.count(name) for name in (b"s", b"g", b"c", b"r", b"i", b"k", b"H", b"o", b"f", b"e"))
    return (*common, accented, min(letters, _LETTERS_PER_ACCENT * accented), *scripts)
