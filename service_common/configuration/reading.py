"""Reads the files that people write, which may be anything: a device has no end, and a pipe may never have a writer."""

from pathlib import Path

from service_common.configuration.document import MOST_CHARACTERS
from service_common.configuration.mistakes import ConfigurationErrors, Mistake
from service_common.near_names import suggest
from service_common.pipes import read_file

LONGEST_CHARACTER = 4
"""Bytes of UTF-8."""

_ENOUGH = LONGEST_CHARACTER * (MOST_CHARACTERS + 1)
"""Bytes: as much as a file may have, and a little more, for it to be refused."""


def read_text(path: Path) -> str:
    """The text of a configuration file.

    Raises:
        ConfigurationErrors: it cannot be read.
    """
    try:
        return read_file(path, _ENOUGH).decode("utf-8")
    except FileNotFoundError:
        raise ConfigurationErrors((_missing(path),)) from None
    except UnicodeDecodeError:
        raise ConfigurationErrors((Mistake(str(path), 0, "", "this is not a text file in UTF-8."),)) from None
    except TimeoutError as error:
        raise ConfigurationErrors((Mistake(str(path), 0, "", str(error)),)) from None
    except OSError as error:
        raise ConfigurationErrors((Mistake(str(path), 0, "", f"it cannot be read: {error.strerror}."),)) from None


def _missing(path: Path) -> Mistake:
    near = suggest(path.name, (other.name for other in path.parent.glob("*.y*ml"))) if path.parent.is_dir() else ""
    return Mistake(str(path), 0, "", "there is no such file.", near)
