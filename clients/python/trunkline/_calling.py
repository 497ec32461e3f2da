"""How long a call may take and what travels beside it; sync and async clients share it."""

import re
from dataclasses import dataclass
from typing import Final

from trunkline._requests import refuse
from trunkline.options import LONGEST_TIMEOUT, CompletionOptions, EmbeddingOptions

_TRACEPARENT: Final = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
"""https://www.w3.org/TR/trace-context/#traceparent-header-field-values"""


@dataclass(frozen=True, slots=True)
class CallSettings:
    """Seconds for the whole call (None: it ends when its caller wants), and its metadata."""

    timeout: float | None
    metadata: tuple[tuple[str, str], ...] = ()


def settings_of(options: CompletionOptions | EmbeddingOptions, default_timeout: float) -> CallSettings:
    """The settings of one call: always with a deadline.

    Raises:
        InvalidRequest: the timeout is not above 0, or longer than `LONGEST_TIMEOUT`; `traceparent` is none.
    """
    timeout = options.get("timeout")
    timeout = default_timeout if timeout is None else timeout
    if not 0 < timeout <= LONGEST_TIMEOUT:
        raise refuse("timeout", f"must be above 0 and at most {LONGEST_TIMEOUT:,.0f} seconds, is {timeout:g}")
    parent = options.get("traceparent")
    if not parent:
        return CallSettings(timeout)
    if not _TRACEPARENT.fullmatch(parent):
        example = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
        raise refuse("traceparent", f"{parent[:80]!a} is no W3C trace context; one looks like {example}")
    return CallSettings(timeout, (("traceparent", parent),))
