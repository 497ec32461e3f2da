"""References to environment variables: `${NAME}` and `${NAME:-default}`."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from service_common.configuration.mistakes import ConfigurationErrors, Mistake
from service_common.env_file import EnvFileError, read_env_file
from service_common.header_values import fault_of_header_value

_REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")
_SECRET_NAME = re.compile(
    r"(^|[^a-z])(api[-_]?key|access[-_]?key|key|secret|password|passwd|token|credentials?|authorization|cookie)$",
    re.IGNORECASE,
)
_ADDRESS_WITH_PASSWORD = re.compile(r"://[^/@\s$]*:[^/@\s$]+@")


class MissingVariables(Exception):
    """Environment variables are referred to and not set; `names` lists them."""

    def __init__(self, names: tuple[str, ...]) -> None:
        """Keep the names."""
        super().__init__(f"not set: {', '.join(names)}")
        self.names = names


class UnusableVariables(ValueError):
    """Environment variables are set to what cannot stand in a header; the text names them and shows no value."""

    def __init__(self, setting: str, text: str, fault: str) -> None:
        """`setting` says `text`, which holds the references."""
        super().__init__(f"{' and '.join(all_variables_in(text))} (for {setting}) {fault}")


def variables_in(text: str) -> tuple[str, ...]:
    """The names that `text` refers to, in order, without those that have a default."""
    return tuple(name for name, default in _references(text) if default is None)


def all_variables_in(text: str) -> tuple[str, ...]:
    """The names that `text` refers to, with a default or without."""
    return tuple(name for name, _ in _references(text))


def has_reference(text: str) -> bool:
    """Whether `text` refers to any variable."""
    return any(True for _ in _references(text))


def is_secret_reference(text: str) -> bool:
    """Whether `text` is nothing but one reference, whose default, if any, is empty: it holds no secret itself."""
    match = _REFERENCE.fullmatch(text)
    return match is not None and not match[2]


def substitute(text: str, environment: Mapping[str, str]) -> str:
    """`text` with every reference replaced. A variable that is set but empty takes its default, as in a shell.

    Raises:
        MissingVariables: some are not set and have no default.
    """
    missing = tuple(name for name in variables_in(text) if name not in environment)
    if missing:
        raise MissingVariables(missing)

    def value(match: re.Match[str]) -> str:
        if match[2] is None:
            return environment[match[1]]
        return environment.get(match[1]) or match[2]

    return _REFERENCE.sub(value, text)


def resolve(setting: str, text: str, file: Path, environment: Mapping[str, str]) -> str:
    """What `setting` says, with its references resolved from the environment and the `.env` beside `file`.

    Raises:
        ValueError: some are not set.
        ConfigurationErrors: the `.env` cannot be read.
    """
    try:
        return substitute(text, pick_variables(all_variables_in(text), file, environment))
    except MissingVariables as missing:
        names = ", ".join(missing.names)
        raise ValueError(f"{setting} needs {names}, which is not set in the environment or in .env") from None


def header_value(setting: str, text: str, value: str) -> str:
    """`value`, which `text` stands for, without blanks at its ends: files of secrets often end in a line break.

    Raises:
        UnusableVariables: no header can carry it.
    """
    value = value.strip()
    fault = fault_of_header_value(value)
    if fault:
        raise UnusableVariables(setting, text, fault)
    return value


def is_secret_name(name: str) -> bool:
    """Whether a setting or header of that name holds a secret: `api_key`, `Authorization`, `aws_secret_access_key`."""
    return _SECRET_NAME.search(name) is not None


def refuse_password(address: str) -> None:
    """Let no address carry a password that is written out.

    Raises:
        ValueError: this one does.
    """
    if _ADDRESS_WITH_PASSWORD.search(address) is not None:
        raise ValueError("a password is never written into the file. Write ${ITS_NAME} in its place")


def pick_variables(names: Iterable[str], file: Path, environment: Mapping[str, str]) -> dict[str, str]:
    """The variables of these names alone, out of the environment or else the `.env` beside `file`.

    Nothing is exported, and what was not asked for is not kept: a process that needs one key never holds the others.

    Raises:
        ConfigurationErrors: the `.env` cannot be read.
    """
    wanted = set(names)
    try:
        found = read_env_file(file.parent / ".env", wanted)
    except EnvFileError as error:
        mistake = Mistake(str(error.file), error.line, "", error.message, error.advice)
        raise ConfigurationErrors((mistake,)) from None
    return found | {name: environment[name] for name in wanted if name in environment}


def _references(text: str) -> Iterable[tuple[str, str | None]]:
    for match in _REFERENCE.finditer(text):
        yield match[1], match[2]
