"""What the settings of all plugins have in common."""

from typing import ClassVar

from pydantic import BaseModel, ConfigDict


class Settings(BaseModel):
    """A plugin's settings: unknown keys are mistakes, values do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class NoSettings(Settings):
    """Nothing to set."""


class WithoutSettings:
    """The base of a plugin with nothing to set."""

    settings_model: ClassVar[type[BaseModel]] = NoSettings

    def __init__(self, settings: NoSettings) -> None:
        """Nothing to keep."""
