"""Reads YAML into plain values and remembers the line of everything, so that each mistake can be shown in its place."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from service_common.configuration.mistakes import Finding, Mistake, Path, dotted
from service_common.configuration.references import MissingVariables, all_variables_in, has_reference, substitute

MOST_CHARACTERS = 1024 * 1024
"""Some 20,000 models. Reading and checking so much takes about 5 s, in which a router answers more slowly."""

MOST_NODES = 100_000
"""What anchors may expand to; a small file can otherwise ask for any amount of memory."""

_TAG = "tag:yaml.org,2002:"
_TAGS = frozenset(_TAG + kind for kind in ("str", "int", "float", "seq", "map"))
# A brace is an indicator inside {...}; one private character for each keeps an unquoted ${NAME} whole, and the columns.
_REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*(?::-[^}\n]*)?)\}")
_HIDDEN = str.maketrans({"\ue000": "{", "\ue001": "}"})
_WORDS = {"true": True, "false": False, "null": None, "~": None, "": None}


class _Loader(yaml.SafeLoader):
    """YAML as people mean it: `no` and `on` are words, `1:30` is text, and dates stay text until they are asked for."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag in {_TAG + "int", _TAG + "float", _TAG + "merge"}]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


@dataclass(slots=True)
class Document:
    """A file's content.

    Attributes:
        data: mappings, lists and scalars.
        lines: from 1, by path; of a mapping's entry the line of its key.
        findings: what is wrong with the file as YAML: no YAML at all, keys twice, missing variables.
        resolved: what was written and what it stands for, where that came out of the environment.
    """

    data: Any = None
    lines: dict[Path, int] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    resolved: dict[Path, tuple[str, str]] = field(default_factory=dict)

    def mistake(self, finding: Finding, file: str) -> Mistake:
        """The finding at its line; `file`: the document's name."""
        line = finding.line or self.line(finding.path)
        return Mistake(file, line, dotted(finding.path), finding.message, finding.suggestion)

    def line(self, path: Path) -> int:
        """The line of `path`, else of the nearest thing around it; 0 for an empty file."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 0)


def read_document(text: str) -> Document:
    """Parse `text`; whatever is wrong is among the findings. References are left as they are."""
    document = Document()
    if len(text) > MOST_CHARACTERS:
        said = f"this has {len(text):,} characters or more; {MOST_CHARACTERS:,} are allowed."
        document.findings.append(Finding((), said, "Models that a backend has are found with discover: true."))
        return document
    try:
        node = yaml.compose(_REFERENCE.sub("$\ue000\\1\ue001", text), Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        document.lines[()] = mark.line + 1 if mark else 1
        document.findings.append(Finding((), f"this is not YAML: {error.problem or error.context}.", _hint(error)))
        return document
    except RecursionError:
        document.lines[()] = 1
        document.findings.append(Finding((), "this is nested too deeply."))
        return document
    except yaml.YAMLError as error:
        document.lines[()] = 1
        document.findings.append(Finding((), f"this is not YAML: {error}."))
        return document
    if node is not None:
        document.data = _Reader(document).read(node, ())
    return document


def resolve_references(document: Document, environment: Mapping[str, str], deferred: Callable[[Path], bool]) -> None:
    """Replace the references in `document`, except where `deferred` says that another process resolves them."""
    document.data = _resolve(document, document.data, (), environment, deferred)


def referenced_variables(data: Any, deferred: Callable[[Path], bool], path: Path = ()) -> set[str]:
    """The variables that `resolve_references` would read."""
    if isinstance(data, str):
        return set() if deferred(path) else set(all_variables_in(data))
    return set().union(*(referenced_variables(value, deferred, (*path, key)) for key, value in _items(data)))


def references_in(data: Any, deferred: Callable[[Path], bool], path: Path = ()) -> set[Path]:
    """Where references stand, but for those that are deferred."""
    if isinstance(data, str):
        return {path} if has_reference(data) and not deferred(path) else set()
    return set().union(*(references_in(value, deferred, (*path, key)) for key, value in _items(data)))


def _items(data: Any) -> Iterable[tuple[str | int, Any]]:
    if isinstance(data, dict):
        return data.items()
    return enumerate(data) if isinstance(data, list) else ()


def _resolve(
    document: Document, data: Any, path: Path, environment: Mapping[str, str], deferred: Callable[[Path], bool]
) -> Any:
    if isinstance(data, dict):
        return {key: _resolve(document, value, (*path, key), environment, deferred) for key, value in data.items()}
    if isinstance(data, list):
        return [_resolve(document, value, (*path, i), environment, deferred) for i, value in enumerate(data)]
    if not isinstance(data, str) or "${" not in data or deferred(path):
        return data
    try:
        value = substitute(data, environment)
    except MissingVariables as error:
        first = error.names[0]
        advice = f"Set it in the environment or in .env beside the file, or give a default: ${{{first}:-...}}."
        document.findings.append(
            Finding(path, f"the environment has no variable {' and no '.join(error.names)}.", advice)
        )
        return data
    if any(environment.get(name) for name in all_variables_in(data)):
        document.resolved[path] = (data, value)
    return value


class _Reader:
    """Turns composed nodes into plain values."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._nodes = 0
        self._open: set[int] = set()

    def read(self, node: yaml.Node, path: Path) -> Any:
        self._document.lines.setdefault(path, node.start_mark.line + 1)
        self._nodes += 1
        if self._nodes > MOST_NODES or id(node) in self._open:
            if self._nodes <= MOST_NODES + 1:
                self._find(path, node, "anchors make the file contain itself or grow beyond measure.")
            return None
        if node.tag not in _TAGS:
            self._find(path, node, f"the tag {node.tag.replace(_TAG, '!!')} is not used here.")
            return None
        if isinstance(node, yaml.ScalarNode):
            text = str(node.value).translate(_HIDDEN)
            return _scalar(node.tag, text) if node.style is None else text
        self._open.add(id(node))
        try:
            if isinstance(node, yaml.SequenceNode):
                return [self.read(child, (*path, i)) for i, child in enumerate(node.value)]
            return self._mapping(node, path)
        finally:
            self._open.discard(id(node))

    def _mapping(self, node: yaml.Node, path: Path) -> dict[str, Any]:
        merged: dict[str, Any] = {}
        own: dict[str, Any] = {}
        seen: dict[str, int] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if key_node.tag == _TAG + "merge":
                sources = value_node.value if isinstance(value_node, yaml.SequenceNode) else [value_node]
                for source in sources:
                    found = self.read(source, path)
                    merged = {**found, **merged} if isinstance(found, dict) else merged
                continue
            if not isinstance(key_node, yaml.ScalarNode):
                self._find(path, key_node, "a key must be a single word.")
                continue
            key = str(key_node.value).translate(_HIDDEN)
            inner = (*path, key)
            if key in seen:
                first = f"it is there already, in line {seen[key]}."
                self._document.findings.append(Finding(inner, first, "Remove one, or give it another name.", line))
                continue
            seen[key] = line
            self._document.lines[inner] = line
            own[key] = self.read(value_node, inner)
        return merged | own

    def _find(self, path: Path, node: yaml.Node, message: str) -> None:
        self._document.lines.setdefault(path, node.start_mark.line + 1)
        self._document.findings.append(Finding(path, message))


def _scalar(tag: str, text: str) -> Any:
    """A plain (unquoted) scalar's value. Numbers with colons or leading zeros are text, as nobody means them."""
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    digits = text.replace("_", "")
    try:
        if tag == _TAG + "int" and ":" not in digits:
            return int(digits, 0)
        if tag == _TAG + "float" and ":" not in digits:
            return float(digits.lower().replace(".inf", "inf").replace(".nan", "nan"))
    except ValueError:
        return text
    return text


def _hint(error: yaml.MarkedYAMLError) -> str:
    if "\\t" in str(error.problem):
        return "Indent with spaces, not tabs."
    return "Check the indentation and the quotes of this line and the one before."
