"""From a file to a checked configuration, or to the whole list of its mistakes."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from itertools import islice
from pathlib import Path as FilePath
from typing import Any

from service_common.configuration.backend_checks import check_backends
from service_common.configuration.backends import CONNECTION_SETTINGS
from service_common.configuration.checks import Known, check_models, check_names
from service_common.configuration.defaults import with_defaults
from service_common.configuration.document import (
    Document,
    read_document,
    referenced_variables,
    references_in,
    resolve_references,
)
from service_common.configuration.masking import masked
from service_common.configuration.mistakes import MOST_MISTAKES, ConfigurationErrors, Finding, Mistake, Path
from service_common.configuration.plugin_checks import check_plugins
from service_common.configuration.plugins import PluginNames
from service_common.configuration.reading import read_text
from service_common.configuration.references import pick_variables
from service_common.configuration.schema import Configuration
from service_common.configuration.validation import validate
from service_common.facts import FactsTable


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What a file is checked against besides the schema; what is None is not checked.

    Attributes:
        plugins: which plugins exist (the router's registry).
        facts: what is known of models.
        today: the day on which retirements are judged.
    """

    plugins: PluginNames | None = None
    facts: FactsTable | None = None
    today: date | None = None


UNCHECKED = Knowledge()


def load_configuration(
    path: FilePath,
    environment: Mapping[str, str],
    plugins: PluginNames | None = None,
    facts: FactsTable | None = None,
    today: date | None = None,
) -> Configuration:
    """Read and check a file. References are looked up in `environment`, then in the `.env` beside the file.

    A backend's own references (`BackendSection.resolve`), the worker token and the address of Redis stay as
    they are written.

    Raises:
        ConfigurationErrors: the file cannot be read, or has mistakes; all of them.
    """
    return parse_configuration(read_text(path), path, environment, Knowledge(plugins, facts, today))


def parse_configuration(
    text: str,
    path: FilePath,
    environment: Mapping[str, str] | None,
    knowledge: Knowledge = UNCHECKED,
    edit: Callable[[dict[str, Any]], None] | None = None,
) -> Configuration:
    """As `load_configuration`, of a text that is already at hand; `path` names it, and its `.env` is looked for there.

    `environment`: None: the text is not trusted with it: a reference that would have to be resolved is a mistake.
    `edit` may change what was read, as plain values, before anything is checked; it is trusted as little.

    Raises:
        ConfigurationErrors: the text has mistakes; all of them.
    """
    document = read_document(text)
    own: set[Path] = set()
    if environment is not None and document.data is not None:
        variables = referenced_variables(document.data, is_deferred)
        resolve_references(document, pick_variables(variables, path, environment), is_deferred)
        own = references_in(document.data, is_deferred)
    if edit is not None and isinstance(document.data, dict):
        edit(document.data)
        document.resolved = {path: pair for path, pair in document.resolved.items() if pair[1] == _at(document, path)}
    document.findings += _refused(references_in(document.data, is_deferred) - own)
    configuration = _check(document, knowledge)
    if document.findings or configuration is None:
        raise ConfigurationErrors(_mistakes(document, str(path)))
    return configuration


def is_deferred(path: Path) -> bool:
    """Whether the references at `path` are left to the process that needs them."""
    if path in (("router", "worker_token"), ("router", "database"), ("shared", "redis")):
        return True
    return len(path) > 2 and path[0] == "backends" and path[2] in CONNECTION_SETTINGS


def _at(document: Document, path: Path) -> Any:
    """What stands at `path`; None: nothing does."""
    data = document.data
    for part in path:
        try:
            data = data[part]
        except (KeyError, IndexError, TypeError):
            return None
    return data


def _refused(references: Iterable[Path]) -> Iterator[Finding]:
    for path in references:
        said = "a reference to the environment is resolved in the router's own file alone."
        yield Finding(path, said, "Write the value itself.")


def _check(document: Document, knowledge: Knowledge) -> Configuration | None:
    data: Any = document.data
    if data is None and not document.findings:
        document.findings.append(Finding((), "the file is empty.", "See deploy/samples/trunkline.yaml for a start."))
    if not isinstance(data, dict):
        if not document.findings:
            document.findings.append(
                Finding((), "this is not a configuration: sections are expected, such as backends:.")
            )
        return None
    filled = with_defaults(_without_empty_sections(data))
    configuration, findings = validate(Configuration, filled)
    unread = [finding.path for finding in document.findings if not finding.line]
    if configuration is not None:
        known = Known.of(filled)
        told = {finding.path[:2] for finding in findings}  # what is wrong with a backend was taken out of it
        findings += (found for found in check_backends(configuration, knowledge.facts) if found.path[:2] not in told)
        findings += islice(check_names(configuration, known), MOST_MISTAKES + 1)
        findings += islice(check_models(configuration, known, knowledge.facts, knowledge.today), MOST_MISTAKES + 1)
        if knowledge.plugins is not None:
            findings += islice(check_plugins(configuration, knowledge.plugins), MOST_MISTAKES + 1)
    document.findings += [f for f in findings if not any(path[: len(f.path)] == f.path for path in unread)]
    return configuration


def _without_empty_sections(data: Mapping[str, Any]) -> dict[str, Any]:
    """A section whose lines are all commented out is as good as none."""
    return {name: section for name, section in data.items() if section is not None}


def _mistakes(document: Document, file: str) -> tuple[Mistake, ...]:
    found = {document.mistake(masked(finding, document.resolved), file) for finding in document.findings}
    mistakes = sorted(found, key=lambda mistake: (mistake.line, mistake.path, mistake.message))
    if len(mistakes) > MOST_MISTAKES:
        more = f"these are the first {MOST_MISTAKES} mistakes; there are more."
        mistakes[MOST_MISTAKES:] = [Mistake(file, 0, "", more, "Correct these first.")]
    return tuple(mistakes)
