"""The configuration of router and workers: one file, one model, every mistake with its place."""

from service_common.configuration.automatic import automatic_configuration, provider_variables
from service_common.configuration.backends import BackendConnection, BackendSection
from service_common.configuration.loader import Knowledge, load_configuration, parse_configuration
from service_common.configuration.mistakes import ConfigurationErrors, Mistake
from service_common.configuration.models import ModelSection
from service_common.configuration.own_providers import check_automatic
from service_common.configuration.plugins import PluginNames
from service_common.configuration.profiles import ProfileSection
from service_common.configuration.reading import read_text
from service_common.configuration.references import MissingVariables, UnusableVariables, pick_variables
from service_common.configuration.schema import Configuration, RouterSection, TracingSection
from service_common.configuration.surroundings import is_offline, providers_found, wrong_addresses

__all__ = [
    "BackendConnection",
    "BackendSection",
    "Configuration",
    "ConfigurationErrors",
    "Knowledge",
    "MissingVariables",
    "Mistake",
    "ModelSection",
    "PluginNames",
    "ProfileSection",
    "RouterSection",
    "TracingSection",
    "UnusableVariables",
    "automatic_configuration",
    "check_automatic",
    "is_offline",
    "load_configuration",
    "parse_configuration",
    "pick_variables",
    "provider_variables",
    "providers_found",
    "read_text",
    "wrong_addresses",
]
