"""Reads files that may be pipes: one without a writer would be waited for without an end."""

import os
import select
import stat
from pathlib import Path

PIPE_PATIENCE = 5.0
"""Seconds that a pipe without a writer is waited for; one that has a writer takes its time."""


def read_file(path: Path, most: int = -1) -> bytes:
    """What a file holds or a pipe carries to its end: about `most` bytes of it, where that is not negative.

    Raises:
        TimeoutError: it is a pipe that nobody writes to; the text says so.
        OSError: it cannot be read.
    """
    with open(path, "rb", opener=_open_at_once) as file:
        descriptor = file.fileno()
        first = _first_byte(descriptor) if stat.S_ISFIFO(os.fstat(descriptor).st_mode) else b""
        os.set_blocking(descriptor, True)
        return first + file.read(most)


def _first_byte(pipe: int) -> bytes:
    """Of a pipe that does not block: empty where its writer has yet to begin, or is done."""
    is_ready = select.select([pipe], [], [], PIPE_PATIENCE)[0]
    try:
        first = os.read(pipe, 1)
    except BlockingIOError:  # so says the system of an empty pipe that has a writer; without one it is at its end
        return b""
    if not first and not is_ready:
        raise TimeoutError(f"this is a pipe that nobody writes to; a writer was waited for {PIPE_PATIENCE:g} s.")
    return first


def _open_at_once(path: str, flags: int) -> int:
    """Opens a pipe without waiting for its writer."""
    return os.open(path, flags | os.O_NONBLOCK)
