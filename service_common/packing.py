"""Encoded frames on their way over `Attach`, joined into messages: the same in both directions.

Each frame is encoded once, as a message of its own. Encoded messages are merged by joining their bytes, which puts the
frames of all into one (https://protobuf.dev/programming-guides/encoding/#last-one-wins).
"""

from collections import deque

LARGEST_MESSAGE = 64 * 1024
"""Bytes of one message; a single frame that is longer travels alone."""


def packed(*queues: deque[bytes]) -> bytes:
    """One message off the heads of the queues, all of the first before any of the next, at most `LARGEST_MESSAGE`."""
    frames: list[bytes] = []
    size = 0
    for queue in queues:
        while queue:
            size += len(queue[0])
            if size > LARGEST_MESSAGE and frames:
                return b"".join(frames)
            frames.append(queue.popleft())
    return b"".join(frames)
