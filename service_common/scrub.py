"""Takes secrets out of texts before they leave the process: provider errors quote keys, and errors get read by many."""

import re
from collections.abc import Iterable

MAX_MESSAGE = 1000
"""Characters of a provider's words that are passed on."""

_MASK = "[secret]"
_SHORTEST_SECRET = 6
_PATTERNS = re.compile(
    r"""
    \b(?:sk|pk|rk|gsk|xai|hf|r8|pplx|csk|fw|nvapi|co)[-_][A-Za-z0-9_*\-]{6,}   # keys with a vendor's prefix
    | \bAIza[A-Za-z0-9_\-]{10,}                                               # Google
    | \b(?:AKIA|ASIA)[A-Z0-9]{12,}                                            # AWS access key ids
    | \beyJ[A-Za-z0-9_\-]{8,}\.[A-Za-z0-9_\-]{8,}\.[A-Za-z0-9_\-]*            # JSON web tokens
    | (?<=[?&]key=)[^&\s"']+                                                  # keys in addresses
    | (?<=://)[^/\s:@]+:[^/\s@]+(?=@)                                         # user:password@ in addresses
    """,
    re.VERBOSE,
)
_LABELLED = re.compile(
    r"(?i)\b(bearer|(?:x-)?api[-_ ]?key|authorization|access[-_ ]token|secret)(\"?\s*[:=]\s*\"?|\s+)"
    r"(?=[^\s\"',]*[\d*_])[^\s\"',]{8,}"
)


def scrub(text: str, secrets: Iterable[str] = ()) -> str:
    """`text` without what looks like a secret and without `secrets`, at most `MAX_MESSAGE` characters long.

    Args:
        text: the words of a provider, an exception or a URL.
        secrets: values known to be secret; those shorter than 6 characters are left alone, as they would hit words.
    """
    cleaned = text[: 8 * MAX_MESSAGE]
    for secret in secrets:
        if len(secret) >= _SHORTEST_SECRET:
            cleaned = cleaned.replace(secret, _MASK)
    cleaned = _LABELLED.sub(lambda match: f"{match[1]}{match[2]}{_MASK}", cleaned)
    cleaned = _PATTERNS.sub(_MASK, cleaned)
    return cleaned if len(cleaned) <= MAX_MESSAGE else cleaned[: MAX_MESSAGE - 3] + "..."
