"""The whole configuration, as one model."""

import hashlib
import json
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, StringConstraints

from service_common.configuration.backends import BackendSection, Fraction
from service_common.configuration.capacity import IdempotencySection, SharedSection, WaitingSection
from service_common.configuration.database import DatabaseAddress
from service_common.configuration.metrics import MetricsSection
from service_common.configuration.models import ModelSection, Name
from service_common.configuration.policies import (
    DecisionCacheSection,
    DomainSection,
    EnsembleSection,
    PreferenceSection,
    RuleSection,
    spell_out_lengths,
)
from service_common.configuration.profiles import ProfileSection
from service_common.configuration.references import all_variables_in, header_value, resolve
from service_common.configuration.reliability import CircuitSection, ProbesSection
from service_common.configuration.scalars import (
    Address,
    ComplexityWord,
    Duration,
    JsonObject,
    SecretReference,
    Size,
    TaskWord,
)
from service_common.configuration.section import Section
from service_common.configuration.writing import to_yaml

TargetName = Annotated[str, StringConstraints(pattern=r"^[^/\s]+/\S+$")]


class RouterSection(Section):
    """The router process.

    Attributes:
        listen: of the gRPC server; loopback unless told otherwise, as there is no TLS yet.
        attach_wait: how long a router that starts says NOT_SERVING while a backend lacks a worker.
        lame_duck: between saying NOT_SERVING and refusing calls; `drain_grace`: then left to calls in progress.
        max_message: largest request or answer.
        worker_token: what workers must show.
        database: keeps operators' changes and measurements: `sqlite:///FILE` (relative to the configuration) or
            `postgresql://...`; empty: a SQLite file beside the configuration; `none`: nothing is kept.
    """

    listen: Address = "127.0.0.1:50051"
    heartbeat_interval: Annotated[Duration, Field(ge=0.05, le=60)] = 1.0
    attach_wait: Duration = 2.0
    lame_duck: Duration = 0.5
    drain_grace: Duration = 30.0
    max_message: Annotated[Size, Field(ge=65_536, le=2_147_483_647)] = 67_108_864
    worker_token: SecretReference = "${TRUNKLINE_WORKER_TOKEN:-}"
    database: DatabaseAddress = ""

    def token(self, file: Path, environment: Mapping[str, str]) -> str:
        """What workers must show, resolved from the environment and the `.env` beside `file`; empty: it is not set.

        Raises:
            ValueError: its variable is not set, and has no default, or holds what no header can carry.
            ConfigurationErrors: the `.env` cannot be read.
        """
        token = resolve("router.worker_token", self.worker_token, file, environment)
        return header_value("router.worker_token", self.worker_token, token)

    @property
    def token_variable(self) -> str:
        """The environment variable that holds the token."""
        return all_variables_in(self.worker_token)[0]


class TracingSection(Section):
    """Traces, of router and workers. `endpoint`: OTLP over gRPC; empty: what OTEL_EXPORTER_OTLP_ENDPOINT says.

    Attributes:
        content: whether prompts and answers are put into spans.
        sample: share of calls that are traced, where the caller has not decided.
    """

    endpoint: str = ""
    content: bool = False
    sample: Fraction = 1.0


class Configuration(Section):
    """What one file says, defaults filled in. Names and their relations were checked when it was loaded.

    Attributes:
        offline: only backends on this host or in a private network are used, and nothing is asked outside.
    """

    offline: bool = False
    router: RouterSection = RouterSection()
    tracing: TracingSection = TracingSection()
    metrics: MetricsSection = MetricsSection()
    waiting: WaitingSection = WaitingSection()
    idempotency: IdempotencySection = IdempotencySection()
    shared: SharedSection = SharedSection()
    circuit: CircuitSection = CircuitSection()
    probes: ProbesSection = ProbesSection()
    backends: Mapping[Name, BackendSection] = Field(min_length=1)
    models: Mapping[TargetName, ModelSection] = {}
    aliases: Mapping[Name, tuple[str, ...]] = {}
    chains: Mapping[Name, tuple[str, ...]] = {}
    default_profile: str = "balanced"
    profiles: Mapping[Name, ProfileSection] = {}
    classifiers: Mapping[str, JsonObject] = {}
    tiers: Mapping[ComplexityWord, PreferenceSection] = {}
    tasks: Mapping[TaskWord, PreferenceSection] = {}
    domains: Mapping[Name, DomainSection] = {}
    lengths: Annotated[tuple[RuleSection, ...], BeforeValidator(spell_out_lengths)] = ()
    rules: tuple[RuleSection, ...] = ()
    ensembles: Mapping[Name, EnsembleSection] = {}
    decision_cache: DecisionCacheSection = DecisionCacheSection()

    @cached_property
    def version(self) -> str:
        """Twelve hexadecimal digits that stand for the content: equal content, equal version."""
        text = json.dumps(self.content(), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    def content(self) -> dict[str, Any]:
        """What was said, as plain JSON values; secrets stay references."""
        return self.model_dump(mode="json", exclude_unset=True)

    def render(self, form: Literal["yaml", "json"] = "yaml") -> str:
        """The configuration as a file that loads to an equal configuration."""
        if form == "json":
            return json.dumps(self.content(), indent=2, ensure_ascii=False) + "\n"
        return to_yaml(self.content())
