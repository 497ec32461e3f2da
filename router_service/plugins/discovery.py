"""Plugins of other packages: what is installed beside the router and names itself in an entry point."""

from collections.abc import Mapping
from importlib.metadata import EntryPoint, entry_points
from types import MappingProxyType

from router_service.plugins.builtin import built_in_plugins
from router_service.plugins.registry import PluginRegistry
from service_common.vocabulary import PluginKind

GROUPS: Mapping[str, PluginKind] = MappingProxyType(
    {
        "trunkline.classifiers": PluginKind.CLASSIFIER,
        "trunkline.filters": PluginKind.FILTER,
        "trunkline.scorers": PluginKind.SCORER,
        "trunkline.pickers": PluginKind.PICKER,
    }
)


class PluginLoadError(ValueError):
    """An installed plugin cannot be used; the message names package, entry point and cause, and what to do."""


def installed_plugins() -> PluginRegistry:
    """A new registry of what comes with the router and of every installed package that brings plugins.

    Raises:
        PluginLoadError: a plugin cannot be imported, is none, or has a name that is taken.
    """
    registry = built_in_plugins()
    installed = entry_points()  # once: it reads a file of every installed package, 4 to 5 ms for 130
    for group, kind in GROUPS.items():
        for entry in sorted(installed.select(group=group), key=lambda one: one.name):
            _add(registry, kind, entry)
    return registry


def _add(registry: PluginRegistry, kind: PluginKind, entry: EntryPoint) -> None:
    package = entry.dist.name if entry.dist is not None else "an unknown package"
    try:
        plugin = entry.load()
    except Exception as error:  # whatever a foreign module raises while it is imported
        raise PluginLoadError(_message(package, entry, f"{type(error).__name__}: {error}")) from error
    if not isinstance(plugin, type):
        raise PluginLoadError(_message(package, entry, f"{entry.value} is no class"))
    try:
        registry.add(kind, plugin, origin=package)
    except ValueError as error:
        raise PluginLoadError(_message(package, entry, str(error))) from error


def _message(package: str, entry: EntryPoint, cause: str) -> str:
    return (
        f'the plugin "{entry.name}" ({entry.group}) of the package {package} cannot be used: {cause}. '
        f"Correct the package or uninstall it"
    )
