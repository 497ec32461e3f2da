"""A configuration made ready to run: its catalogue, and the engine with every plugin built.

Whatever can go wrong in a plugin's constructor goes wrong here, before anything takes the configuration.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from random import Random
from typing import Any

from msgspec import Struct

from router_service.config.catalogue import build_catalogue
from router_service.config.doubts import doubts
from router_service.contracts.engine import Catalogue, Engine
from router_service.engine.engine import RoutingEngine
from router_service.engine.profiles import PluginFailed
from router_service.plugins.registry import PluginRegistry
from router_service.state.token_counter import TokenCounter
from service_common.clock import Clock
from service_common.configuration import Configuration, ConfigurationErrors, Knowledge, Mistake, parse_configuration
from service_common.configuration.document import read_document, references_in
from service_common.configuration.loader import is_deferred
from service_common.configuration.mistakes import Finding
from service_common.configuration.mistakes import Path as Place
from service_common.facts import FactsTable
from service_common.scrub import scrub


class Running(Struct, frozen=True):
    """One configuration and what was made of it.

    Attributes:
        engine: decides by this configuration alone.
        doubts: what may be meant and yet surprises, with its place.
    """

    configuration: Configuration
    catalogue: Catalogue
    engine: Engine
    doubts: tuple[Mistake, ...] = ()


class Sources(Struct, frozen=True):
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


def prepare(
    text: str, sources: Sources, edit: Callable[[dict[str, Any]], None] | None = None, *, trusted: bool = True
) -> Running:
    """The configuration that `text` is once `edit` has changed what was read, with all that is built of it.

    `trusted`: whether what it refers to in the environment is looked up; what `edit` brings never is.

    Raises:
        ConfigurationErrors: it has mistakes, or a plugin cannot be built; the cause is then what the plugin raised.
    """
    environment = sources.environment if trusted else None
    configuration = parse_configuration(text, sources.path, environment, sources.knowledge, edit)
    try:
        catalogue = build_catalogue(configuration, sources.facts)
        engine = RoutingEngine(catalogue, sources.plugins, sources.clock, Random(), sources.counter)
    except PluginFailed as failed:
        place = _place(failed, configuration)
        origin = sources.plugins.entry(failed.kind, failed.name).origin
        document = read_document(text)
        secretive = bool(references_in(document.data, is_deferred))
        told = _told(failed.cause, secretive=secretive)
        said = f'the {failed.kind} "{failed.name}" of {origin} cannot be built: {told}'
        advice = "Correct its settings, or the plugin."
        mistake = document.mistake(Finding(place, said, advice), str(sources.path))
        raise ConfigurationErrors((mistake,)) from None if secretive else failed.cause
    except Exception as error:  # a configuration that cannot be built must not end the router that runs by another
        secretive = bool(references_in(read_document(text).data, is_deferred))
        said = f"nothing can be built of it: {_told(error, secretive=secretive)}"
        advice = "This is a mistake of Trunkline, not of the file: please report it."
        mistake = Mistake(str(sources.path), 0, "", said, advice)
        raise ConfigurationErrors((mistake,)) from None if secretive else error
    return Running(configuration, catalogue, engine, _doubts(text, sources, catalogue))


def _doubts(text: str, sources: Sources, catalogue: Catalogue) -> tuple[Mistake, ...]:
    found = tuple(doubts(catalogue))
    if not found:
        return ()
    document = read_document(text)
    return tuple(document.mistake(one, str(sources.path)) for one in found)


def _place(failed: PluginFailed, configuration: Configuration) -> Place:
    """The plugin's settings in the file, else the profile that uses it."""
    if not failed.profile:
        return ("classifiers", failed.name)
    place = ("profiles", failed.profile)
    return (
        (*place, "settings", failed.name) if failed.name in configuration.profiles[failed.profile].settings else place
    )


def _told(error: Exception, *, secretive: bool) -> str:
    """The error's words; its kind alone where they may hold what a reference stands for."""
    if secretive:
        return f"{type(error).__name__}, whose words may show what a reference stands for."
    return " ".join(scrub(f"{type(error).__name__}: {error}").split()).rstrip(".") + "."
