"""Seconds on the wire, as router and workers write and read them."""

from google.protobuf.duration_pb2 import Duration

NANO = 1_000_000_000


def fill_duration(message: Duration, length: float) -> None:
    """Seconds as a Duration; negative ones (a clock cannot have run backwards) as 0."""
    message.seconds, message.nanos = divmod(max(0, round(length * NANO)), NANO)


def duration(length: float) -> Duration:
    """As `fill_duration`, in a message of its own."""
    message = Duration()
    fill_duration(message, length)
    return message


def seconds(value: Duration) -> float:
    """A Duration in seconds."""
    return value.seconds + value.nanos / NANO
