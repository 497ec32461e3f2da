"""The three standard streams, which whoever starts a command may have closed, or bound to what takes no more."""

import errno
import os
import sys
from io import TextIOWrapper
from typing import TextIO, cast

FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF})
"""What keeps an output from being written, but for a reader that has left."""


def open_all() -> bool:
    """Make the streams fit for use; False: standard output is closed.

    A closed input or error stream leads nowhere, and its number is taken, lest a socket should get it. A character that
    the encoding of an output lacks becomes a question mark.
    """
    streams: tuple[TextIO | None, ...] = (sys.stdin, sys.stdout, sys.stderr)
    if streams[0] is None:
        sys.stdin = _leading_nowhere(0, "r")
    if streams[2] is None:
        sys.stderr = _leading_nowhere(2, "w")
    for stream in streams[1:]:
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")
    return streams[1] is not None


def give_up_output() -> None:
    """Let what is still to be written go nowhere: there is nothing to flush at the end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _leading_nowhere(number: int, mode: str) -> TextIO:
    descriptor = os.open(os.devnull, os.O_RDWR)
    if descriptor != number:
        os.dup2(descriptor, number)
        os.close(descriptor)
    os.set_inheritable(number, True)
    return cast("TextIO", open(number, mode, encoding="utf-8", closefd=False))
