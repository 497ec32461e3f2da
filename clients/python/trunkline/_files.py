"""Reads files that a caller names, which may be anything: a device has no end, and a pipe may never have a writer."""

import errno
import stat
from pathlib import Path

LARGEST_FILE = 32 * 1024 * 1024
"""Bytes; half of the largest request that a router takes unless it is told otherwise."""


def read_text(path: Path) -> str:
    """The text of a file, or of whatever else ends.

    Raises:
        OSError: it cannot be read, or is not UTF-8; `strerror` is for a person.
    """
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise OSError(errno.EILSEQ, "it is not UTF-8 text", str(path)) from None


def read_file(path: Path) -> bytes:
    """The bytes of a regular file.

    Raises:
        OSError: it cannot be read, is no regular file, or has more than `LARGEST_FILE` bytes.
    """
    if not stat.S_ISREG(path.stat().st_mode):
        raise OSError(errno.EINVAL, "it is no regular file", str(path))
    with path.open("rb") as file:
        data = file.read(LARGEST_FILE + 1)
    if len(data) > LARGEST_FILE:
        raise OSError(errno.EFBIG, f"it is larger than {LARGEST_FILE // 2**20} MiB", str(path))
    return data
