"""How long a call may take and what travels beside it; sync and async clients share it."""

from dataclasses import dataclass

from trunkline._requests import refuse
from trunkline.options import LONGEST_TIMEOUT, CompletionOptions, EmbeddingOptions


@dataclass(frozen=True, slots=True)
class CallSettings:
    """Seconds for the whole call, and its metadata."""

    timeout: float
    metadata: tuple[tuple[str, str], ...] = ()


def settings_of(options: CompletionOptions | EmbeddingOptions, default_timeout: float) -> CallSettings:
    """The settings of one call: always with a deadline.

    Raises:
        InvalidRequest: the timeout is not above 0, or longer than `LONGEST_TIMEOUT`.
    """
    timeout = options.get("timeout")
    timeout = default_timeout if timeout is None else timeout
    if not 0 < timeout <= LONGEST_TIMEOUT:
        raise refuse("timeout", f"must be above 0 and at most {LONGEST_TIMEOUT:,.0f} seconds, is {timeout:g}")
    parent = options.get("traceparent")
    return CallSettings(timeout, (("traceparent", parent),) if parent else ())
