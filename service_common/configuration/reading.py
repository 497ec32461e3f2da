"""Reads the files that people write, which may be anything: a device has no end, and a pipe may never have a writer."""

import os
import select
import stat
from pathlib import Path

from service_common.configuration.document import MOST_CHARACTERS
from service_common.configuration.mistakes import ConfigurationErrors, Mistake
from service_common.near_names import suggest

LONGEST_CHARACTER = 4
"""Bytes of UTF-8."""

PIPE_PATIENCE = 5.0
"""Seconds that a pipe without a writer is waited for."""


def read_text(path: Path) -> str:
    """The text of a configuration file.

    Raises:
        ConfigurationErrors: it cannot be read.
    """
    try:
        return _read(path).decode("utf-8")
    except FileNotFoundError:
        raise ConfigurationErrors((_missing(path),)) from None
    except UnicodeDecodeError:
        raise ConfigurationErrors((Mistake(str(path), 0, "", "this is not a text file in UTF-8."),)) from None
    except TimeoutError:
        said = f"this is a pipe into which nothing was written for {PIPE_PATIENCE:g} s."
        raise ConfigurationErrors((Mistake(str(path), 0, "", said),)) from None
    except OSError as error:
        raise ConfigurationErrors((Mistake(str(path), 0, "", f"it cannot be read: {error.strerror}."),)) from None


def _read(path: Path) -> bytes:
    """As much as a file may have, and a little more, for it to be refused."""
    with open(path, "rb", opener=_open_at_once) as file:
        descriptor = file.fileno()
        if stat.S_ISFIFO(os.fstat(descriptor).st_mode) and not select.select([descriptor], [], [], PIPE_PATIENCE)[0]:
            raise TimeoutError
        os.set_blocking(descriptor, True)
        return file.read(LONGEST_CHARACTER * (MOST_CHARACTERS + 1))


def _open_at_once(path: str, flags: int) -> int:
    """Opens a pipe without waiting for its writer."""
    return os.open(path, flags | os.O_NONBLOCK)


def _missing(path: Path) -> Mistake:
    near = suggest(path.name, (other.name for other in path.parent.glob("*.y*ml"))) if path.parent.is_dir() else ""
    return Mistake(str(path), 0, "", "there is no such file.", near)
