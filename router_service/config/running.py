"""A configuration made ready to run: its catalogue, and the engine with every plugin built.

Whatever can go wrong in a plugin's constructor goes wrong here, before anything takes the configuration.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from router_service.config.catalogue import build_catalogue
from router_service.contracts.engine import Catalogue, Engine
from router_service.engine.engine import RoutingEngine
from router_service.engine.profiles import PluginFailed
from router_service.plugins.registry import PluginRegistry
from router_service.state.token_counter import TokenCounter
from service_common.clock import Clock
from service_common.configuration import Configuration, ConfigurationErrors, Knowledge, Mistake, parse_configuration
from service_common.configuration.document import read_document
from service_common.configuration.mistakes import Path as Place
from service_common.configuration.mistakes import dotted
from service_common.facts import FactsTable
from service_common.scrub import scrub


@dataclass(frozen=True, slots=True)
class Running:
    """One configuration and what was made of it.

    Attributes:
        engine: decides by this configuration alone.
    """

    configuration: Configuration
    catalogue: Catalogue
    engine: Engine


@dataclass(frozen=True, slots=True)
class Sources:
    """What a configuration is read from, checked against and built with."""

    path: Path
    environment: Mapping[str, str]
    plugins: PluginRegistry
    facts: FactsTable
    clock: Clock
    counter: TokenCounter

    @property
    def knowledge(self) -> Knowledge:
        """What a file is checked against today."""
        return Knowledge(self.plugins, self.facts, self.clock.wall().date())


def prepare(text: str, sources: Sources, edit: Callable[[dict[str, Any]], None] | None = None) -> Running:
    """The configuration that `text` is once `edit` has changed what was read, with all that is built of it.

    Raises:
        ConfigurationErrors: it has mistakes, or a plugin cannot be built; the cause is then what the plugin raised.
    """
    configuration = parse_configuration(text, sources.path, sources.environment, sources.knowledge, edit)
    try:
        catalogue = build_catalogue(configuration, sources.facts)
        engine = RoutingEngine(catalogue, sources.plugins, sources.clock, Random(), sources.counter)
    except PluginFailed as failed:
        place = _place(failed, configuration)
        origin = sources.plugins.entry(failed.kind, failed.name).origin
        said = f'the {failed.kind} "{failed.name}" of {origin} cannot be built: {_told(failed.cause)}'
        line = read_document(text).line(place)
        advice = "Correct its settings, or the plugin."
        mistake = Mistake(str(sources.path), line, dotted(place), said, advice)
        raise ConfigurationErrors((mistake,)) from failed.cause
    except Exception as error:  # a configuration that cannot be built must not end the router that runs by another
        said = f"nothing can be built of it: {_told(error)}"
        advice = "This is a mistake of Trunkline, not of the file: please report it."
        raise ConfigurationErrors((Mistake(str(sources.path), 0, "", said, advice),)) from error
    return Running(configuration, catalogue, engine)


def _place(failed: PluginFailed, configuration: Configuration) -> Place:
    """The plugin's settings in the file, else the profile that uses it."""
    if not failed.profile:
        return ("classifiers", failed.name)
    place = ("profiles", failed.profile)
    return (
        (*place, "settings", failed.name) if failed.name in configuration.profiles[failed.profile].settings else place
    )


def _told(error: Exception) -> str:
    return " ".join(scrub(f"{type(error).__name__}: {error}").split()).rstrip(".") + "."
