"""The plugins that a router knows, by kind and name. Nothing registers itself: `built_in_plugins` lists them."""

from collections.abc import Callable, Mapping
from typing import Any, cast

from msgspec import Struct
from pydantic import BaseModel

from router_service.contracts.plugins import Classifier, Filter, Picker, Scorer
from service_common.near_names import suggest
from service_common.vocabulary import PluginKind


class PluginEntry(Struct, frozen=True):
    """One registered plugin.

    Attributes:
        build: makes it from its validated settings.
        settings_model: what its settings must look like.
        origin: the package that brought it.
    """

    kind: PluginKind
    name: str
    build: Callable[[Any], object]
    settings_model: type[BaseModel]
    origin: str = "trunkline"


class UnknownPlugin(KeyError):
    """There is no plugin of that kind and name; the message names the nearest."""

    def __str__(self) -> str:
        return str(self.args[0])


class PluginRegistry:
    """Implements `PluginSource`: names to classes.

    A name belongs to one plugin, whatever its kind, because settings are found by name alone.
    """

    def __init__(self) -> None:
        """An empty registry."""
        self._entries: dict[str, PluginEntry] = {}

    def add(self, kind: PluginKind | str, plugin: type[Any], origin: str = "trunkline") -> None:
        """Register a class that has `name`, `settings_model` and a constructor that takes such settings.

        Raises:
            ValueError: the name is taken, or the class lacks one of the two attributes.
        """
        name = getattr(plugin, "name", None)
        model = getattr(plugin, "settings_model", None)
        if not isinstance(name, str) or not name or not isinstance(model, type) or not issubclass(model, BaseModel):
            raise ValueError(
                f"{plugin.__module__}.{plugin.__qualname__} is no plugin: it needs the class attributes "
                f"`name` (a text) and `settings_model` (a pydantic model)"
            )
        taken = self._entries.get(name)
        if taken is not None:
            raise ValueError(f'the {kind} "{name}" of {origin} has the name of the {taken.kind} of {taken.origin}')
        self._entries[name] = PluginEntry(PluginKind(kind), name, plugin, model, origin)

    def names(self, kind: PluginKind | str) -> tuple[str, ...]:
        """The names of one kind, in the order of registration."""
        return tuple(entry.name for entry in self._entries.values() if entry.kind == kind)

    def entry(self, kind: PluginKind | str, name: str) -> PluginEntry:
        """The plugin of that kind and name.

        Raises:
            UnknownPlugin: there is none.
        """
        found = self._entries.get(name)
        if found is not None and found.kind == kind:
            return found
        raise UnknownPlugin(f'no {kind} of the name "{name}". {suggest(name, self.names(kind))}')

    def settings_model(self, kind: PluginKind | str, name: str) -> type[BaseModel]:
        """The model of a plugin's settings.

        Raises:
            UnknownPlugin: there is no such plugin.
        """
        return self.entry(kind, name).settings_model

    def classifier(self, name: str, settings: Mapping[str, Any]) -> Classifier:
        """A classifier with its settings, found by name in `settings`."""
        return cast(Classifier, self._build(PluginKind.CLASSIFIER, name, settings))

    def filter(self, name: str, settings: Mapping[str, Any]) -> Filter:
        """A filter with its settings, found by name in `settings`."""
        return cast(Filter, self._build(PluginKind.FILTER, name, settings))

    def scorer(self, name: str, settings: Mapping[str, Any]) -> Scorer:
        """A scorer with its settings, found by name in `settings`."""
        return cast(Scorer, self._build(PluginKind.SCORER, name, settings))

    def picker(self, name: str, settings: Mapping[str, Any]) -> Picker:
        """A picker with its settings, found by name in `settings`."""
        return cast(Picker, self._build(PluginKind.PICKER, name, settings))

    def _build(self, kind: PluginKind, name: str, settings: Mapping[str, Any]) -> object:
        entry = self.entry(kind, name)
        given = settings.get(name)
        if isinstance(given, entry.settings_model):
            return entry.build(given)
        return entry.build(entry.settings_model.model_validate({} if given is None else given))
