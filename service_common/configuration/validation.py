"""Validates plain values against the schema and says every mistake in a person's words.

One mistake must not hide others: what is wrong is taken out and the rest is validated again, until a configuration is
left on which the checks between sections can run. What is only missing because it was taken out is not reported.
"""

import copy
import re
import types
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from service_common.configuration.mistakes import MOST_MISTAKES, Finding, Path
from service_common.near_names import did_you_mean, suggest

ModelType = TypeVar("ModelType", bound=BaseModel)

_MOST_ROUNDS = 50
_TRUE_OR_FALSE = "true or false"
_TYPES = {
    "bool": _TRUE_OR_FALSE,
    "date": "a date, such as 2027-01-01",
    "dict": "a mapping of names to values",
    "float": "a number",
    "int": "a whole number",
    "list": "a list",
    "mapping": "a mapping of names to values",
    "model_type": "a mapping of settings",
    "string": "text",
    "tuple": "a list",
}


def validate(model: type[ModelType], data: Any) -> tuple[ModelType | None, list[Finding]]:
    """The validated model and everything that was wrong with `data`.

    Where there are findings the model is what remains without the wrong parts, for further checks only; None: nothing
    usable remains.
    """
    validated, findings = _validated(model, data)
    told = {finding.path for finding in findings}
    # For pydantic true is a number, 1; nobody who writes it means that.
    booleans = (path for path in _booleans_for_numbers(model, data, ()) if path not in told)
    findings += [Finding(path, f"this must be a number, not {_TRUE_OR_FALSE}.") for path in booleans]
    return validated, findings


def _validated(model: type[ModelType], data: Any) -> tuple[ModelType | None, list[Finding]]:
    findings: list[Finding] = []
    remaining = copy.deepcopy(data)
    for _ in range(_MOST_ROUNDS):
        try:
            return model.model_validate(remaining), findings
        except ValidationError as error:
            details = error.errors(include_url=False, include_input=False)
        paths = [_document_path(detail["loc"], remaining) for detail in details]
        reported = {finding.path[:length] for finding in findings for length in range(len(finding.path) + 1)}
        told = islice(zip(details, paths, strict=True), MOST_MISTAKES + 1)
        found = [_finding(model, detail, path, remaining) for detail, path in told]
        findings += [finding for finding in found if finding.path not in reported]
        if not all(_remove(remaining, path) for path in sorted(set(paths), key=_deepest_first)):
            return None, findings
    return None, findings


def _booleans_for_numbers(annotation: Any, data: Any, path: Path) -> Iterator[Path]:
    if isinstance(data, bool):
        if _bare(annotation) in (int, float):
            yield path
        return
    items = data.items() if isinstance(data, Mapping) else enumerate(data) if isinstance(data, list) else ()
    for part, inner in items:
        yield from _booleans_for_numbers(_inner(annotation, part), inner, (*path, part))


def settings_at(model: type[BaseModel], path: Path) -> list[str]:
    """The names of the settings that may stand at `path`; empty where any may."""
    current: Any = model
    for part in path:
        current = _inner(current, part)
    return list(current.model_fields) if _is_model(current) else []


def _finding(model: type[BaseModel], detail: ErrorDetails, path: Path, data: Any) -> Finding:
    kind, context = detail["type"], detail.get("ctx", {})
    if kind == "extra_forbidden":
        known = settings_at(model, path[:-1])
        return Finding(path, "there is no setting of that name.", suggest(str(path[-1]), known))
    if kind == "missing":
        name = str(detail["loc"][-1])
        return Finding((*path, name) if path[-1:] != (name,) else path, "this is needed and missing.")
    if kind == "value_error":
        text = str(context["error"])
        return Finding(path, text if text.endswith(("?", ".")) else f"{text}.")
    if kind == "literal_error":
        return Finding(
            path, f"this must be one of {context['expected']}.", _nearest(str(context["expected"]), path, data)
        )
    if kind == "string_pattern_mismatch":
        return Finding(path, _pattern_message(detail, path))
    if kind == "too_short":
        return Finding(path, "there is none. At least one is needed.")
    for name, words in _TYPES.items():
        if kind.startswith(name):
            return Finding(path, f"this must be {words}.")
    return Finding(path, detail["msg"].replace("Input should", "this must").replace("must be be", "must be") + ".")


def _nearest(expected: str, path: Path, data: Any) -> str:
    """The expected word that is nearest to what stands at `path`, as a question, or nothing."""
    for part in path:
        data = data[part]
    return did_you_mean(str(data), re.findall(r"'([^']*)'", expected))


def _pattern_message(detail: ErrorDetails, path: Path) -> str:
    if path[:1] == ("models",) and len(path) <= 2:
        return 'this is no target: write it as "backend/model".'
    if detail["loc"][-1] == "[key]":
        return "a name is made of letters, digits and any of . _ : -, and begins with a letter or digit."
    return f"this does not have the form {detail.get('ctx', {}).get('pattern', '')}."


def _document_path(location: Sequence[str | int], data: Any) -> Path:
    """The part of pydantic's location that exists in the data; a missing setting's own name is not part of it."""
    path: list[str | int] = []
    for part in location:
        keys = data if isinstance(data, Mapping) else range(len(data)) if isinstance(data, list) else ()
        if part not in keys:
            break
        data = data[part]
        path.append(part)
    return tuple(path)


def _deepest_first(path: Path) -> tuple[int, tuple[int, ...]]:
    return -len(path), tuple(-part if isinstance(part, int) else 0 for part in path)


def _remove(data: Any, path: Path) -> bool:
    """Take out what stands at `path`; False: there is nothing around it that it could be taken out of."""
    if not path:
        return False
    for part in path[:-1]:
        try:
            data = data[part]
        except (KeyError, IndexError):
            return True
    if isinstance(data, dict):
        data.pop(path[-1], None)
    elif isinstance(data, list) and isinstance(path[-1], int) and path[-1] < len(data):
        del data[path[-1]]
    return True


def _inner(annotation: Any, part: str | int) -> Any:
    """What may stand under `part` of something of this type; None where that is not known."""
    annotation = _bare(annotation)
    if _is_model(annotation):
        field = annotation.model_fields.get(part)
        return None if field is None else _bare(field.annotation)
    arguments = get_args(annotation)
    if not arguments or get_origin(annotation) in {Union, types.UnionType}:
        return None
    return _bare(arguments[0] if isinstance(part, int) else arguments[-1])


def _bare(annotation: Any) -> Any:
    """Without `Annotated` and `| None`."""
    if get_origin(annotation) is Annotated:
        return _bare(get_args(annotation)[0])
    if get_origin(annotation) in {Union, types.UnionType}:
        plain = [argument for argument in get_args(annotation) if argument is not type(None)]
        return _bare(plain[0]) if len(plain) == 1 else annotation
    return annotation


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)
