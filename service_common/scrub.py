"""Takes secrets out of texts before they leave the process: provider errors quote keys, and errors get read by many."""

import re
from collections.abc import Iterable

MAX_MESSAGE = 1000
"""Characters of a provider's words that are passed on."""

_MASK = "[secret]"
_KEPT = frozenset(map(ord, "\n\t"))
_OBEYED = dict.fromkeys(
    code
    for codes in (range(0x20), range(0x7F, 0xA0), range(0x200E, 0x2010), range(0x202A, 0x202F), range(0x2066, 0x206A))
    for code in codes
    if code not in _KEPT
)
_SHORTEST_SECRET = 6
_PATTERNS = re.compile(
    r"""
    \b(?:                                                                    # once: most of a text begins no word
        (?:sk|pk|rk|gsk|xai|hf|r8|pplx|csk|fw|nvapi|co)[-_][A-Za-z0-9_*\-]{6,}  # keys with a vendor's prefix
        | AIza[A-Za-z0-9_\-]{10,}                                             # Google
        | (?:AKIA|ASIA)[A-Z0-9]{12,}                                          # AWS access key ids
        | eyJ[A-Za-z0-9_\-]{8,}\.[A-Za-z0-9_\-]{8,}\.[A-Za-z0-9_\-]*          # JSON web tokens
    )
    | (?<=[?&]key=)[^&\s"']+                                                  # keys in addresses
    | (?<=://)[^/\s:@]+:[^/\s@]+(?=@)                                         # user:password@ in addresses
    """,
    re.VERBOSE,
)
_LABELLED = re.compile(
    r"(?i)\b(bearer|(?:x-)?api[-_ ]?key|authorization|access[-_ ]token|secret)(\"?\s*[:=]\s*\"?|\s+)"
    r"(?=[^\s\"',]*[\d*_])[^\s\"',]{8,}"
)


def printable(text: str) -> str:
    """`text` without what a terminal obeys: control codes, but for ends of lines and tabs, and marks that reorder."""
    return text if text.isascii() and text.isprintable() else text.translate(_OBEYED)


def scrub(text: str, secrets: Iterable[str] = ()) -> str:
    """`text`, printable, without what looks like a secret and without `secrets`, at most `MAX_MESSAGE` characters long.

    Args:
        text: the words of a provider, an exception or a URL.
        secrets: values known to be secret; those shorter than 6 characters are left alone, as they would hit words.
    """
    cleaned = printable(text[: 8 * MAX_MESSAGE])
    for secret in secrets:
        if len(secret) >= _SHORTEST_SECRET:
            cleaned = cleaned.replace(secret, _MASK)
    cleaned = _LABELLED.sub(lambda match: f"{match[1]}{match[2]}{_MASK}", cleaned)
    cleaned = _PATTERNS.sub(_MASK, cleaned)
    return cleaned if len(cleaned) <= MAX_MESSAGE else cleaned[: MAX_MESSAGE - 3] + "..."
