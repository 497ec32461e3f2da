"""Checks what the file says of plugins against the plugins that exist: their names and their settings."""

from collections.abc import Iterator, Mapping
from typing import Any

from service_common.configuration.mistakes import Finding, Path
from service_common.configuration.plugins import PluginNames
from service_common.configuration.profiles import ProfileSection
from service_common.configuration.schema import Configuration
from service_common.configuration.validation import validate
from service_common.near_names import suggest
from service_common.vocabulary import PluginKind


def check_plugins(configuration: Configuration, plugins: PluginNames) -> Iterator[Finding]:
    """Plugins that do not exist, settings that they do not take, and profiles that could not choose."""
    names = {kind: frozenset(plugins.names(kind)) for kind in PluginKind}
    for name, profile in configuration.profiles.items():
        yield from _check_profile(("profiles", name), profile, names, plugins)
    for name, settings in configuration.classifiers.items():
        path: Path = ("classifiers", name)
        if name not in names[PluginKind.CLASSIFIER]:
            yield _unknown(path, PluginKind.CLASSIFIER, name, names[PluginKind.CLASSIFIER])
        else:
            yield from _check_settings(path, settings, plugins, PluginKind.CLASSIFIER, name)


def _check_profile(
    path: Path, profile: ProfileSection, names: Mapping[PluginKind, frozenset[str]], plugins: PluginNames
) -> Iterator[Finding]:
    for scorer in profile.scorers:
        if scorer not in names[PluginKind.SCORER]:
            yield _unknown((*path, "scorers", scorer), PluginKind.SCORER, scorer, names[PluginKind.SCORER])
    for position, wanted in enumerate(profile.filters):
        if wanted not in names[PluginKind.FILTER]:
            yield _unknown((*path, "filters", position), PluginKind.FILTER, wanted, names[PluginKind.FILTER])
    if profile.picker not in names[PluginKind.PICKER]:
        yield _unknown((*path, "picker"), PluginKind.PICKER, profile.picker, names[PluginKind.PICKER])
    for name, settings in profile.settings.items():
        inner = (*path, "settings", name)
        kinds = [kind for kind in PluginKind if name in names[kind]]
        if not kinds:
            yield _unknown(inner, "plugin", name, frozenset().union(*names.values()))
        for kind in kinds:
            yield from _check_settings(inner, settings, plugins, kind, name)


def _check_settings(
    path: Path, settings: Mapping[str, Any], plugins: PluginNames, kind: PluginKind, name: str
) -> Iterator[Finding]:
    _, findings = validate(plugins.settings_model(kind, name), dict(settings))
    for finding in findings:
        yield Finding((*path, *finding.path), finding.message, finding.suggestion)


def _unknown(path: Path, kind: str, name: str, known: frozenset[str]) -> Finding:
    return Finding(
        path, f"no {kind} of that name." if path[-1] == name else f'no {kind} "{name}".', suggest(name, known)
    )
