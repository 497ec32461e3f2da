"""What operators changed over the configuration file: a whole configuration in its place, and single models."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from router_service.domain.changes import Change, ChangeKind

MODELS = "models"


class ModelEdit(Struct, frozen=True):
    """What was done to one model.

    Attributes:
        settings: merged into what the file says, where None takes a setting away; None itself: the model is removed.
        whole: the settings stand alone: the file's were removed before.
    """

    settings: Mapping[str, Any] | None
    whole: bool = False


class Imported(Struct, frozen=True):
    """A whole configuration, in force for as long as the file's text has the digest `replaces`."""

    text: str
    replaces: str


class Overlay(Struct, frozen=True):
    """All changes, taken together."""

    imported: Imported | None = None
    models: Mapping[str, ModelEdit] = {}

    def after(self, changes: Sequence[Change]) -> "Overlay":
        """With further changes. Another configuration as a whole ends what was done to single models before."""
        overlay = self
        for change in changes:
            content = change.content
            if change.kind is ChangeKind.CONFIGURATION:
                imported = None if content is None else Imported(str(content["text"]), str(content["replaces"]))
                overlay = Overlay(imported)
            elif change.kind is ChangeKind.MODEL:
                models = {name: edit for name, edit in overlay.models.items() if name != change.name}
                if content is not None:
                    models[change.name] = ModelEdit(content["settings"], bool(content["whole"]))
                overlay = replace(overlay, models=models)
        return overlay

    def replaces(self, file: str) -> bool:
        """Whether an imported text is in force where the file's is `file`."""
        return self.imported is not None and self.imported.replaces == digest(file)

    def text(self, file: str) -> str:
        """The text that is in force where the file's is `file`."""
        return self.imported.text if self.imported is not None and self.replaces(file) else file

    def edit(self, data: dict[str, Any]) -> None:
        """Change what a file says, as plain values."""
        if not self.models:
            return
        written = data.get(MODELS)
        models: dict[str, Any] = dict(written) if isinstance(written, dict) else {}
        for name, edit in self.models.items():
            if edit.settings is None:
                models.pop(name, None)
            else:
                models[name] = merged({} if edit.whole else models.get(name), edit.settings)
        data[MODELS] = models

    def upsert(self, target: str, settings: Mapping[str, Any]) -> Change:
        """The change that adds a model or changes these of its settings."""
        known = self.models.get(target)
        whole = known is not None and (known.whole or known.settings is None)
        collected = {**((known.settings if known else None) or {})}
        content = {"settings": combined(collected, settings), "whole": whole}
        return Change(ChangeKind.MODEL, target, content)


def import_change(text: str, file: str) -> Change:
    """The change that puts a configuration in the place of the file whose text is `file`."""
    return Change(ChangeKind.CONFIGURATION, "", {"text": text, "replaces": digest(file)})


DISCARD = Change(ChangeKind.CONFIGURATION, "", None)
"""Back to the file."""


def removal(target: str) -> Change:
    """The change that removes a model."""
    return Change(ChangeKind.MODEL, target, {"settings": None, "whole": True})


def merged(written: Any, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings over what is written, mapping by mapping; None takes a setting away (as in RFC 7396)."""
    result = dict(written) if isinstance(written, Mapping) else {}
    for name, value in settings.items():
        if value is None:
            result.pop(name, None)
        elif isinstance(value, Mapping):
            result[name] = merged(result.get(name), value)
        else:
            result[name] = value
    return result


def combined(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, Any]:
    """One patch that does what `first` and then `second` do."""
    result = dict(first)
    for name, value in second.items():
        before = result.get(name)
        result[name] = combined(before, value) if isinstance(before, Mapping) and isinstance(value, Mapping) else value
    return result


def digest(text: str) -> str:
    """What stands for a text."""
    return hashlib.sha256(text.encode()).hexdigest()
