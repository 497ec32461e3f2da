"""Small conversions between the router's values and protobuf's well-known types."""

import math
from datetime import datetime

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from service_common.durations import duration


def optional_duration(length: float | None) -> Duration | None:
    """As `duration`; None stays None."""
    return None if length is None else duration(length)


def fill_timestamp(message: Timestamp, moment: datetime) -> None:
    """A date and time with its zone as a Timestamp."""
    message.seconds = math.floor(moment.timestamp())
    message.nanos = moment.microsecond * 1_000


def timestamp(moment: datetime) -> Timestamp:
    """As `fill_timestamp`, in a message of its own."""
    message = Timestamp()
    fill_timestamp(message, moment)
    return message


def optional_timestamp(moment: datetime | None) -> Timestamp | None:
    """As `timestamp`; None stays None."""
    return None if moment is None else timestamp(moment)


def shortened(text: str, most: int) -> str:
    """`text` with at most `most` characters, and a mark where some were cut off."""
    return text if len(text) <= most else text[: most - 3] + "..."
