"""A data file of one's own, which goes over the one that ships where a configuration is made out of what is there."""

import copy
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from service_common.configuration.document import Document, read_document
from service_common.configuration.loader import Knowledge, parse_configuration
from service_common.configuration.mistakes import ConfigurationErrors, Mistake
from service_common.configuration.mistakes import Path as Place
from service_common.configuration.providers import ProvidersFile, load_providers
from service_common.configuration.reading import read_text
from service_common.configuration.validation import validate
from service_common.facts import FactsTable

PROVIDERS_VARIABLE = "TRUNKLINE_PROVIDERS"
"""Names the file."""


def own_file(environment: Mapping[str, str]) -> Path | None:
    """The data file of one's own; None: there is none."""
    named = environment.get(PROVIDERS_VARIABLE, "").strip()
    return Path(named).expanduser() if named else None


def providers_for(environment: Mapping[str, str]) -> dict[str, Any]:
    """As `load_providers`, with one's own file over it, key by key. Patterns that are new there are looked at first.

    Raises:
        ConfigurationErrors: it cannot be read or has mistakes; all of them.
    """
    file = own_file(environment)
    return load_providers() if file is None else copy.deepcopy(_checked(file, read_text(file)))


@lru_cache(maxsize=1)
def _checked(file: Path, text: str) -> dict[str, Any]:
    """What `text`, the content of `file`, makes of the file that ships; nobody may change it."""
    document = read_document(text)
    data = _over(load_providers(), {} if document.data is None else document.data)
    _, findings = validate(ProvidersFile, data)
    found = document.findings or findings
    if found:
        raise ConfigurationErrors(tuple(document.mistake(one, str(file)) for one in found))
    return dict(data)


def check_automatic(text: str, environment: Mapping[str, str]) -> None:
    """Check what was made with a file of one's own; what ships alone makes no mistakes.

    Where nothing was found, there is nothing to check: that is no mistake of the file's.

    Raises:
        ConfigurationErrors: the router would refuse it; each mistake at its place in one's own file.
    """
    file = own_file(environment)
    if file is None:
        return
    try:
        parse_configuration(text, file, environment, Knowledge(facts=FactsTable.load()))
    except ConfigurationErrors as errors:
        if not read_document(text).data["backends"]:
            return
        document = read_document(read_text(file))
        providers = providers_for(environment)["providers"]
        raise ConfigurationErrors(tuple(_moved(one, file, document, providers) for one in errors.mistakes)) from None


def _over(shipped: Any, own: Any) -> Any:
    """Mappings are merged; anything else takes the place of what ships."""
    if not isinstance(own, dict) or not isinstance(shipped, dict):
        return own
    merged = {name: _over(value, own[name]) if own.get(name) is not None else value for name, value in shipped.items()}
    # before the rest: of patterns the first that matches counts
    return {name: value for name, value in own.items() if name not in shipped} | merged


def _moved(mistake: Mistake, file: Path, document: Document, providers: Mapping[str, Any]) -> Mistake:
    """A mistake of the configuration that was made, where one's own file says what led to it."""
    section, _, rest = mistake.path.partition(".")
    place: Place = ()
    path = mistake.path
    if section == "backends":
        path = f"providers.{rest}"
        place = ("providers", *rest.split("."))
    elif section == "models":
        path = f"facts.{rest}"
        place = _said_of(rest, document, providers)
    return Mistake(str(file), document.line(place), path, mistake.message, mistake.suggestion)


def _said_of(path: str, document: Document, providers: Mapping[str, Any]) -> Place:
    """Where a file says something of a target, whose name `path` begins with, or where its provider lists it."""
    told = [("facts", name) for name in (document.data or {}).get("facts") or {} if _begins(path, name)]
    listed: list[Place] = [
        ("providers", name, "models", position)
        for name, provider in providers.items()
        for position, model in enumerate(provider.get("models", ()))
        if _begins(path, f"{name}/{model}")
    ]
    return next(iter([*told, *listed]), ())


def _begins(path: str, name: str) -> bool:
    return path == name or path.startswith(f"{name}.")
