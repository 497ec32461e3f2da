"""What the configuration asks of the registry of plugins, which the router hands to it."""

from collections.abc import Iterable
from typing import Protocol

from pydantic import BaseModel

from service_common.vocabulary import PluginKind


class PluginNames(Protocol):
    """Which plugins exist, and what settings each takes."""

    def names(self, kind: PluginKind) -> Iterable[str]:
        """The names of the plugins of one kind."""
        ...

    def settings_model(self, kind: PluginKind, name: str) -> type[BaseModel]:
        """The model of a plugin's settings.

        Raises:
            KeyError: there is no plugin of that kind and name.
        """
        ...
