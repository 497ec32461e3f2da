"""The steps of `trunkline up`: configuration, simulated providers where there are none, router, workers."""

import asyncio
import json
import os
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit

import yaml
from dotenv.main import resolve_variables

from service_common.env_file import read_env_file
from trunkline._address import ADDRESS_VARIABLE, DEFAULT_ADDRESS
from trunkline.cli.modules import ROUTER, SIMULATED, WORKER, module_command
from trunkline.cli.processes.addresses import claim
from trunkline.cli.processes.child import ChildSpec
from trunkline.cli.processes.environment import child_environment
from trunkline.cli.processes.router_tools import (
    BackendDescription,
    ConfigurationDescription,
    automatic_configuration,
    describe_configuration,
    notes_in,
)
from trunkline.cli.processes.supervisor import Supervisor

ROUTER_NAME = "router"
WORKER_PREFIX = "worker "
SIMULATED_NAME = "simulated providers"

_TOKEN_VARIABLE = "TRUNKLINE_WORKER_TOKEN"
_PROVIDERS_VARIABLE = "TRUNKLINE_PROVIDERS"  # as `own_providers` has it, which would load pydantic here
_STAND_INS = ("openai", "groq:openai", "ollama")

_ROUTER_MARGIN = 6.0
"""Seconds for the router to close its streams, files and connections once its callers have had their time."""

_WORKER_GRACE = 8.0
_SIMULATED_GRACE = 2.0


@dataclass(frozen=True, slots=True)
class Launched:
    """What was started.

    Attributes:
        listen: where the router is, as `host:port`.
        configuration: the file in force; `automatic`: it was written by us.
        simulated_control: where our simulated providers take faults; empty: there are none.
        tracing: where spans go; empty: nowhere.
        notes: what was found and is not used, or surprises in the configuration; a sentence each.
        providers: the user's own data file of providers; empty: there is none.
    """

    listen: str
    configuration: Path
    automatic: bool
    backends: tuple[BackendDescription, ...]
    simulated_control: str
    tracing: str
    notes: tuple[str, ...] = ()
    providers: str = ""


@dataclass(frozen=True, slots=True)
class Simulated:
    """Running simulated providers: base URLs by name, and where they take faults."""

    base_urls: Mapping[str, str]
    control_url: str


@dataclass(slots=True)
class Launch:
    """One `up`: its processes, its run directory, and the variables that it found.

    Attributes:
        directory: private to the user; holds logs and the automatic configuration.
        base: this process's variables together with those of `.env`.
        token: what workers show to the router; `token_variable`: where the configuration has both look for it.
    """

    supervisor: Supervisor
    directory: Path
    base: Mapping[str, str] = field(repr=False)
    token: str = field(repr=False)
    token_variable: str = _TOKEN_VARIABLE

    @classmethod
    def prepare(cls, supervisor: Supervisor, directory: Path, config: Path | None) -> "Launch":
        """Read the environment and the `.env` beside the configuration (or in the working directory).

        Raises:
            EnvFileError: the `.env` cannot be used.
        """
        file = (config.resolve().parent if config else Path.cwd()) / ".env"
        found = resolve_variables(read_env_file(file).items(), override=True)
        base = {**{name: value for name, value in found.items() if value is not None}, **os.environ}
        return cls(supervisor, directory, base, _token(base, _TOKEN_VARIABLE) or secrets.token_urlsafe(32))

    async def run(self, config: Path | None, listen: str | None) -> Launched:
        """Start everything; the router and the workers may still be on their way up.

        Raises:
            ToolFailed: the configuration has mistakes.
            AddressError: the router cannot listen there.
            StartFailed: the simulated providers do not start.
        """
        if config is None:
            file, listen = self.directory / "trunkline.yaml", claim(listen or DEFAULT_ADDRESS)
            control, notes = await self._write_automatic(file)
            # what we wrote ourselves has no mistakes, so the router need not wait until it is described
            router = await self._start_router(file, listen, (), ())
            described = await describe_configuration(file, dict(self.base))
        else:
            control, listen = "", None if listen is None else claim(listen)
            described = await describe_configuration(config, dict(self.base))
            notes = described.warnings
            file, listen = config, listen or claim(described.listen)
            self.token_variable = described.token_variable
            said = _token(self.base, self.token_variable)
            self.token = said or self.token
            notes += () if said else _unknown_token(described)
            router = await self._start_router(file, listen, described.backends, described.environment)
        self.supervisor.restart_as(replace(router, grace=described.stop_seconds + _ROUTER_MARGIN))
        backends = described.backends
        await asyncio.gather(
            *(
                self._start_worker(file, listen, backend, backends)
                for backend in backends
                if backend.enabled and not backend.external
            )
        )
        return Launched(
            listen=listen,
            configuration=file,
            automatic=config is None,
            backends=backends,
            simulated_control=control,
            tracing=self.base.get("OTEL_EXPORTER_OTLP_ENDPOINT", ""),
            notes=notes,
            providers="" if config else self.base.get(_PROVIDERS_VARIABLE, "").strip(),
        )

    async def _write_automatic(self, file: Path) -> tuple[str, tuple[str, ...]]:
        """Write what is there; simulated providers stand in only where nothing real is.

        Returns:
            Where these take faults, and what was found and is not used.
        """
        simulated = await self._start_simulated()
        control = simulated.control_url
        text = await automatic_configuration(dict(self.base), simulated.base_urls)
        if not all(backend.get("simulated", False) for backend in yaml.safe_load(text)["backends"].values()):
            await self.supervisor.stop(SIMULATED_NAME)
            text, control = await automatic_configuration(dict(self.base), {}), ""
        _write(file, text)
        return control, notes_in(text)

    async def _start_simulated(self) -> Simulated:
        """Start the simulated providers, on free ports that they keep when they are started again."""
        providers = [part for provider in _STAND_INS for part in ("--provider", provider)]
        command = module_command(SIMULATED, *providers, "--json", "--exit-with-parent")
        environment = child_environment(self.base, own=(), others=(), more={})
        spec = ChildSpec(SIMULATED_NAME, command, environment, self.directory / "simulated.log", _SIMULATED_GRACE)
        said = json.loads(await self.supervisor.start_and_read(spec, "{"))
        urls = {name: provider["base_url"] for name, provider in said["providers"].items()}
        # started again, they must be where the configuration says
        fixed = [f"{provider}={urlsplit(urls[provider.partition(':')[0]]).netloc}" for provider in _STAND_INS]
        providers = [part for provider in fixed for part in ("--provider", provider)]
        control = ("--listen", urlsplit(said["control_url"]).netloc)
        command = module_command(SIMULATED, *providers, *control, "--json", "--exit-with-parent")
        self.supervisor.restart_as(replace(spec, command=command))
        return Simulated(urls, said["control_url"])

    async def _start_router(
        self, file: Path, listen: str, backends: Sequence[BackendDescription], own: Sequence[str]
    ) -> ChildSpec:
        """Start the router with its `own` variables, without any provider's secret; nobody calls it yet."""
        command = module_command(ROUTER, "serve", "--config", str(file), "--listen", listen, "--exit-with-parent")
        environment = child_environment(
            self.base, own=own, others=_needed(backends), more={self.token_variable: self.token}
        )
        spec = ChildSpec(ROUTER_NAME, command, environment, self.directory / "router.log", _ROUTER_MARGIN)
        await self.supervisor.start(spec)
        return spec

    async def _start_worker(
        self, file: Path, listen: str, backend: BackendDescription, backends: Sequence[BackendDescription]
    ) -> None:
        """Start a backend's worker with the variables of that backend alone."""
        command = module_command(WORKER, "--config", str(file), "--backend", backend.name, "--exit-with-parent")
        environment = child_environment(
            self.base,
            own=backend.environment,
            others=_needed(backends),
            more={self.token_variable: self.token, ADDRESS_VARIABLE: listen},
        )
        log = self.directory / f"worker-{backend.name}.log"
        name = f"{WORKER_PREFIX}{backend.name}"
        await self.supervisor.start(ChildSpec(name, command, environment, log, _WORKER_GRACE))


def _token(base: Mapping[str, str], variable: str) -> str:
    """What the user set; blanks are as good as nothing."""
    return base.get(variable, "").strip()


def _unknown_token(described: ConfigurationDescription) -> tuple[str, ...]:
    """What to do for workers that others start, where the token was made up here."""
    names = [backend.name for backend in described.backends if backend.enabled and backend.external]
    if not names:
        return ()
    told = f"The worker of {' and of '.join(names)} must show the router's token, which was made up here: "
    return (f"{told}set {described.token_variable} for both, and run this again.",)


def _needed(backends: Sequence[BackendDescription]) -> frozenset[str]:
    """Every variable that any backend needs."""
    return frozenset(name for backend in backends for name in backend.environment)


def _write(file: Path, text: str) -> None:
    """Write a small file of the run directory."""
    file.write_text(text, encoding="utf-8")
