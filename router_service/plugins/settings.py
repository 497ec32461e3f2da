"""What the settings of all plugins have in common."""

from pydantic import BaseModel, ConfigDict


class Settings(BaseModel):
    """A plugin's settings: unknown keys are mistakes, values do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class NoSettings(Settings):
    """Nothing to set."""
