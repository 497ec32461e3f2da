"""Small conversions between protobuf and Python: enum words, durations, times."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Protocol, TypeVar

from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from trunkline._words import did_you_mean

Number = TypeVar("Number", bound=int)

LONGEST_DURATION = 315_576_000_000
"""Seconds, by the definition of `google.protobuf.Duration`."""


class WireEnum(Protocol[Number]):
    """What protobuf's enum wrappers offer."""

    def Name(self, number: Number) -> str:  # noqa: N802 - protobuf's name
        """The member's name in upper case, with the enum's prefix."""

    def keys(self) -> Sequence[str]:
        """The names of all members."""

    def values(self) -> Sequence[Number]:
        """The numbers of all members, in the order of `keys`."""


def _prefix(enum: WireEnum[Number]) -> str:
    """What every member's name begins with: `TASK_` for `TASK_UNSPECIFIED`."""
    return enum.keys()[0].removesuffix("UNSPECIFIED")


def word_of(enum: WireEnum[Number], number: Number) -> str:
    """The member's name as people write it; empty for 0, `unknown_17` for one that a newer router sent."""
    if number == 0:
        return ""
    try:
        name = enum.Name(number)
    except ValueError:
        return f"unknown_{number}"
    return name.removeprefix(_prefix(enum)).lower()


def number_of(enum: WireEnum[Number], word: str) -> Number:
    """The member that `word` names.

    Raises:
        ValueError: there is no such member; the message names the nearest and all.
    """
    prefix = _prefix(enum)
    words = {name.removeprefix(prefix).lower(): number for name, number in zip(enum.keys(), enum.values(), strict=True)}
    del words["unspecified"]
    number = words.get(word)
    if number is None:
        raise ValueError(f'there is no "{word}".{did_you_mean(word, words)} Known: {", ".join(words)}')
    return number


def seconds_of(message: Message, field: str) -> float | None:
    """The `Duration` in `field`, in seconds; None where it is absent."""
    if not message.HasField(field):
        return None
    duration = getattr(message, field)
    return float(duration.seconds + duration.nanos / 1e9)


def time_of(message: Message, field: str) -> datetime | None:
    """The `Timestamp` in `field`, in UTC; None where it is absent."""
    if not message.HasField(field):
        return None
    stamp: Timestamp = getattr(message, field)
    return stamp.ToDatetime(tzinfo=UTC)


def duration_of(seconds: float) -> Duration:
    """Seconds as a `Duration`.

    Raises:
        ValueError: a `Duration` cannot hold them.
    """
    if not abs(seconds) <= LONGEST_DURATION:
        raise ValueError(f"{seconds:g} seconds are not a length of time that can be sent")
    duration = Duration()
    duration.FromNanoseconds(round(seconds * 1e9))
    return duration
