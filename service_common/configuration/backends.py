"""Backends in the file: where each provider is, what it may see, and how its worker talks to it."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, StringConstraints, ValidationInfo, field_validator, model_validator

from service_common.backend_kinds import BACKEND_KINDS, KindName
from service_common.configuration.capacity import LimitsSection
from service_common.configuration.metrics import MetricsAddress
from service_common.configuration.references import (
    MissingVariables,
    all_variables_in,
    has_reference,
    header_value,
    is_secret_name,
    pick_variables,
    refuse_password,
    substitute,
    variables_in,
)
from service_common.configuration.scalars import Duration, SecretReference, SensitivityWord
from service_common.configuration.section import Section
from service_common.header_values import fault_of_header_value, is_header_name
from service_common.urls import fault_of_url

VariableName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
Dialect = Literal["openai", "azure", "groq", "mistral", "deepseek", "openrouter", "vllm", "generic"]
Fraction = Annotated[float, Field(ge=0, le=1)]


class PriorsSection(Section):
    """What is assumed of a target that was never tried; what is left out comes from the backend, then a default."""

    first_token: Duration | None = None
    tokens_per_second: Annotated[float, Field(gt=0)] | None = None
    success_rate: Fraction | None = None


class TimeoutsSection(Section):
    """Of the worker's HTTP client. `connect`: longest time to open a connection. Attempts bring their own deadlines."""

    connect: Duration = 5.0


@dataclass(frozen=True, slots=True)
class BackendConnection:
    """How to reach a provider, every reference resolved: for the worker that owns the backend, and nobody else."""

    base_url: str
    api_key: str | None = field(default=None, repr=False)
    ca_file: str = ""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    options: Mapping[str, Any] = field(default_factory=dict, repr=False)


class BackendSection(Section):
    """One provider account or endpoint.

    Attributes:
        kind: the worker that serves it.
        provider: as the table of facts names it; empty: the backend's name (`ollama` for that kind).
        base_url: empty: the provider's own.
        clearance: the highest sensitivity it may see; None: `internal`, or `confidential` for an Ollama on this host
            or a private address.
        capacity: most attempts at once in one worker.
        max_concurrency: most attempts at once over all its workers; `limits`: that and limits per minute.
        discover: models that the worker reports but the file does not list may be used.
        simulated: a simulated provider stands in for the real one; shown wherever an answer is shown.
        dialect: of the OpenAI wire; None: the provider's.
        environment: further variables that the worker needs (those referred to are handed to it anyway).
        options: of the provider's library or wire, handed to the worker as they are.
        keep_alive: how long Ollama keeps a model in memory after use; `pull`: missing models may be fetched;
            `warm_up`: models loaded as soon as they can be used, and before they return to service.
        metrics_listen: where its worker serves metrics; empty: nowhere. Replicas on one host need a port each.
    """

    kind: KindName
    provider: str = ""
    dialect: Dialect | None = None  # before base_url, whose check asks for it
    base_url: str = ""
    api_key: SecretReference | None = None
    clearance: SensitivityWord | None = None
    region: str = ""
    capacity: Annotated[int, Field(ge=1, le=10_000)] = 64
    max_concurrency: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    limits: LimitsSection = LimitsSection()
    enabled: bool = True
    simulated: bool = False
    discover: bool = False
    ca_file: str = ""
    headers: Mapping[str, str] = {}
    options: Mapping[str, Any] = {}
    environment: tuple[VariableName, ...] = ()
    labels: Mapping[str, str] = {}
    timeouts: TimeoutsSection = TimeoutsSection()
    priors: PriorsSection = PriorsSection()
    keep_alive: Duration | None = None
    pull: bool = False
    warm_up: tuple[str, ...] = ()
    metrics_listen: MetricsAddress = ""

    @field_validator("base_url")
    @classmethod
    def _check_address(cls, value: str, info: ValidationInfo) -> str:
        return checked_address(value, may_query=may_have_query(info.data.get("provider", ""), info.data.get("dialect")))

    @field_validator("headers", "options")
    @classmethod
    def _check_secrets(cls, value: Mapping[str, Any]) -> Mapping[str, Any]:
        for name, text in _named_texts(value):
            if is_secret_name(name) and text and not has_reference(text):
                raise ValueError(f"{name} is a secret, which is never written into the file. Write ${{ITS_NAME}}")
        return value

    @field_validator("headers")
    @classmethod
    def _check_headers(cls, value: Mapping[str, str]) -> Mapping[str, str]:
        for name, text in value.items():
            if not is_header_name(name):
                raise ValueError(f'"{name}" is no name of a header')
            if fault := fault_of_header_value(text):
                raise ValueError(f"{name} {fault}")
        return value

    @model_validator(mode="after")
    def _check_kind(self) -> Self:
        kind = BACKEND_KINDS[self.kind]
        foreign = sorted(setting for setting in self.model_fields_set if not kind.takes(setting))
        if foreign:
            why = "" if kind.has_worker else ": its worker, which others start, knows for itself"
            raise ValueError(f"a backend of kind {self.kind} has no {' and no '.join(foreign)}{why}. Remove it")
        return self

    def resolve(self, file: Path, environment: Mapping[str, str]) -> BackendConnection:
        """The connection with its references resolved from the environment and the `.env` beside `file`.

        Raises:
            MissingVariables: some are not set (or set to nothing where a key is needed).
            UnusableVariables: the key or a header is set to what no header can carry.
        """
        known = pick_variables(self.variables(), file, environment)
        needed = {name for text in self._connection_texts() for name in variables_in(text)}
        missing = {name for name in needed if name not in known}
        if self.api_key is not None and not missing:
            missing = {name for name in variables_in(self.api_key) if not known[name].strip()}
        if missing:
            raise MissingVariables(tuple(sorted(missing)))
        return BackendConnection(
            base_url=substitute(self.base_url, known).strip().rstrip("/"),
            api_key=header_value("api_key", self.api_key, substitute(self.api_key, known)) if self.api_key else None,
            ca_file=substitute(self.ca_file, known),
            headers={
                name: header_value(f"headers.{name}", text, substitute(text, known))
                for name, text in self.headers.items()
            },
            options=_substituted(self.options, known),
        )

    def variables(self) -> tuple[str, ...]:
        """The names of all environment variables that its worker reads for it, sorted."""
        named = {name for text in self._connection_texts() for name in all_variables_in(text)}
        return tuple(sorted(named.union(self.environment)))

    def _connection_texts(self) -> Iterator[str]:
        yield from (self.base_url, self.api_key or "", self.ca_file, *self.headers.values())
        yield from (text for _, text in _named_texts(self.options))


def checked_address(value: str, *, may_query: bool) -> str:
    """A provider's address as it is written, without a slash at its end; what refers to the environment is not known.

    Raises:
        ValueError: it is none, or holds a password.
    """
    refuse_password(value)
    fault = fault_of_url(value, may_query=may_query) if value and not has_reference(value) else ""
    if fault:
        shown = re.split("[?#]", value)[0]  # what follows may be a key
        raise ValueError(f'"{shown}" is no address: {fault}')
    return value.rstrip("/")


def may_have_query(provider: str, dialect: str | None = None) -> bool:
    """Whether a provider's address may end in a query: Azure's portal shows it with the version of the interface."""
    return provider.startswith("azure") or dialect == "azure"


CONNECTION_SETTINGS = frozenset({"base_url", "api_key", "ca_file", "headers", "options"})
"""What only a backend's own worker resolves."""


def _named_texts(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Every text in `value`, with the key that it stands under."""
    if isinstance(value, str):
        yield name, value
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _named_texts(inner, key)
    elif isinstance(value, list):
        for inner in value:
            yield from _named_texts(inner, name)


def _substituted(value: Any, environment: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return substitute(value, environment)
    if isinstance(value, Mapping):
        return {name: _substituted(inner, environment) for name, inner in value.items()}
    return [_substituted(inner, environment) for inner in value] if isinstance(value, list) else value
