"""Many patterns, one pass: RE2 sets, compiled when a classifier is built and never per request."""

from collections.abc import Sequence

import re2

_MEMORY = 64 << 20


class PatternError(ValueError):
    """A pattern that RE2 does not accept; the message shows it and says why."""


class PatternSet:
    """Tells which of many patterns occur in a text, in one linear pass whatever the text."""

    def __init__(self, patterns: Sequence[str], *, ignore_case: bool = True) -> None:
        """Compile the patterns.

        Raises:
            PatternError: RE2 does not accept one of them.
        """
        options = re2.Options()
        options.case_sensitive = not ignore_case
        options.max_mem = _MEMORY
        options.log_errors = False
        self._set = re2.Set.SearchSet(options)
        for pattern in patterns:
            try:
                self._set.Add(pattern)
            except re2.error:
                raise PatternError(f"{pattern!r}: {_reason(pattern, options)}") from None
        self._empty = not patterns
        if patterns:
            self._set.Compile()

    def matches(self, text: str | bytes) -> Sequence[int]:
        """Indexes of the patterns that occur in `text` (UTF-8 where it is bytes), in no order."""
        if self._empty:
            return ()
        found: Sequence[int] | None = self._set.Match(text)
        return found or ()


def _reason(pattern: str, options: re2.Options) -> str:
    """Why RE2 does not accept a pattern: the set does not say, a single pattern does."""
    try:
        re2.compile(pattern, options)
    except re2.error as error:
        reason = error.args[0] if error.args else error
        return reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)
    return "too large"


def check_patterns(patterns: Sequence[str]) -> None:
    """Refuse patterns that RE2 does not accept, when the configuration is read.

    Raises:
        PatternError: RE2 does not accept one of them.
    """
    PatternSet(patterns)
