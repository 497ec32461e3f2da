"""The data file of providers and models, `providers.yaml`, which people may correct: checked like a configuration."""

import copy
from collections.abc import Mapping
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Self

import yaml
from pydantic import Field, StringConstraints, field_validator, model_validator

from service_common.backend_kinds import KindName
from service_common.configuration.backends import Fraction, VariableName, checked_address
from service_common.configuration.document import read_document
from service_common.configuration.mistakes import ConfigurationErrors, Finding
from service_common.configuration.models import ModelSection, Name, Rating
from service_common.configuration.reading import read_text
from service_common.configuration.section import Section
from service_common.configuration.validation import validate
from service_common.packaged import FASTEST_LOADER

OLLAMA = "ollama"
ANY_MODEL = "*"

ModelName = Annotated[str, StringConstraints(pattern=r"^\S+$")]


class ProviderEntry(Section):
    """One provider; the head of the file says what each of these is."""

    kind: KindName
    base_url: str = ""
    keys: tuple[VariableName, ...] | None = None
    needs: tuple[VariableName, ...] = ()
    passes: tuple[VariableName, ...] = ()
    models: tuple[ModelName, ...] = ()
    simulated: tuple[ModelName, ...] = ()

    @field_validator("base_url")
    @classmethod
    def _check_address(cls, value: str) -> str:
        return checked_address(value, may_query=True)  # whose it is, is not known here

    @model_validator(mode="after")
    def _check_models(self) -> Self:
        if self.keys is not None and not self.models:
            raise ValueError("this has keys and no models, so that it is never used. Name its models")
        return self


class JudgementEntry(Section):
    """What is thought of the models whose name a pattern matches."""

    quality: Fraction
    aliases: tuple[Name, ...] = ()
    tags: tuple[Name, ...] = ()
    capabilities: Mapping[Name, Rating] = {}


class ProvidersFile(Section):
    """The whole file."""

    providers: Mapping[Name, ProviderEntry] = Field(min_length=1)
    models: Mapping[str, JudgementEntry]
    tags: Mapping[Name, tuple[Name, ...]] = {}
    facts: Mapping[str, ModelSection] = {}

    @model_validator(mode="after")
    def _check_needed(self) -> Self:
        if not self.providers.get(OLLAMA, ProviderEntry(kind="ollama")).base_url:
            raise ValueError(f"providers.{OLLAMA} with its base_url is needed: it is asked whether it answers")
        if ANY_MODEL not in self.models:
            raise ValueError(f'models."{ANY_MODEL}" is needed, for the models that no other pattern matches')
        return self


def load_providers() -> dict[str, Any]:
    """What the data file says, as plain values: `providers`, `models` by pattern, `tags`, `facts` by target.

    Raises:
        ConfigurationErrors: it has mistakes; all of them.
    """
    return providers_in(Path(str(resources.files("service_common.configuration").joinpath("providers.yaml"))))


def providers_in(file: Path) -> dict[str, Any]:
    """See `load_providers`.

    Raises:
        ConfigurationErrors: as there.
    """
    return copy.deepcopy(_checked(file, read_text(file)))


@lru_cache(maxsize=1)  # to read and check it takes 9 ms, a copy 0.4, and `automatic` asks several times
def _checked(file: Path, text: str) -> dict[str, Any]:
    """What `text`, the content of `file`, says; nobody may change it."""
    try:
        data = yaml.load(text, Loader=FASTEST_LOADER)
        _, findings = validate(ProvidersFile, data)
    except (yaml.YAMLError, RecursionError):
        findings = [Finding((), "this is not YAML.")]
    if not findings:
        return dict(data)
    document = read_document(text)  # which takes seven times as long, and knows the lines
    found = document.findings or findings
    raise ConfigurationErrors(tuple(document.mistake(one, str(file)) for one in found))
