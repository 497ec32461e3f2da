"""How long a call may take and what travels beside it; sync and async clients share it."""

from dataclasses import dataclass

from trunkline._requests import refuse
from trunkline.options import CompletionOptions, EmbeddingOptions


@dataclass(frozen=True, slots=True)
class CallSettings:
    """Seconds for the whole call, and its metadata."""

    timeout: float
    metadata: tuple[tuple[str, str], ...] = ()


def settings_of(options: CompletionOptions | EmbeddingOptions, default_timeout: float) -> CallSettings:
    """The settings of one call: always with a deadline.

    Raises:
        InvalidRequest: the timeout is not above 0.
    """
    timeout = options.get("timeout")
    timeout = default_timeout if timeout is None else timeout
    if timeout <= 0:
        raise refuse("timeout", f"must be above 0 seconds, is {timeout}")
    parent = options.get("traceparent")
    return CallSettings(timeout, (("traceparent", parent),) if parent else ())
