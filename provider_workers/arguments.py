"""The worker's settings out of its command line, the configuration file and the environment."""

import argparse
import os
import platform
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from provider_workers.settings import BackendSettings, WorkerSettings
from service_common.backend_kinds import WORKER_KINDS
from service_common.configuration import (
    BackendConnection,
    BackendSection,
    Configuration,
    MissingVariables,
    UnusableVariables,
    load_configuration,
)
from service_common.configuration.backends import may_have_query
from service_common.configuration.metrics import OFF, parse_metrics_address
from service_common.configuration.providers import load_providers
from service_common.configuration.references import is_secret_name
from service_common.header_values import fault_of_header_value
from service_common.near_names import suggest
from service_common.urls import fault_of_url
from service_common.vocabulary import Sensitivity

TOKEN_VARIABLE = "TRUNKLINE_WORKER_TOKEN"
ROUTER_VARIABLE = "TRUNKLINE_ROUTER"
KEY_VARIABLE = "TRUNKLINE_BACKEND_API_KEY"
CA_VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
DEFAULT_ROUTER = "127.0.0.1:50051"
NEAR = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}
"""What leads to a router that listens at every address of this host."""

GRPC_LISTS = ("ipv4:", "ipv6:")


class UsageError(Exception):
    """The command line or the configuration does not say what is needed; the message says what to do."""


@dataclass(frozen=True, slots=True)
class ProcessSettings:
    """The worker's settings and those of its process. `trace_sample` None: as the environment says.

    Attributes:
        metrics: where they are served, as `host:port`; empty: nowhere.
    """

    worker: WorkerSettings
    exit_with_parent: bool = False
    log_level: str = "INFO"
    trace_endpoint: str = ""
    trace_sample: float | None = None
    metrics: str = ""


def parse(arguments: Sequence[str], environment: Mapping[str, str]) -> ProcessSettings:
    """Settings by flags, then the file's section for the backend, then the environment.

    Raises:
        UsageError: something is missing or wrong.
        ConfigurationErrors: the file has mistakes.
        SystemExit: `--help`, or an unknown flag.
    """
    flags = _parser().parse_args(arguments)
    if flags.config:
        return _from_file(flags, environment)
    backend = _backend_from_flags(flags, environment)
    routers = _routers(flags, environment) or (DEFAULT_ROUTER,)
    return _process(flags, environment, backend, routers)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m provider_workers",
        description="Serves one provider backend and attaches to the routers.",
        epilog="Secrets come from the environment alone: the token for the routers and the provider's key from the "
        f"variables that the configuration names, or {TOKEN_VARIABLE} and {KEY_VARIABLE} where there is none.",
    )
    parser.add_argument("--config", type=Path, help="configuration file; its section backends.NAME is used")
    parser.add_argument("--backend", required=True, metavar="NAME", help="the backend to serve")
    parser.add_argument(
        "--router",
        metavar="HOST:PORT[,...]",
        help=f"routers to attach to; else {ROUTER_VARIABLE}, the file's router.listen, {DEFAULT_ROUTER}",
    )
    parser.add_argument("--worker-id", help="identifies the worker across reconnects; else made of host and process")
    parser.add_argument(
        "--drain-grace", type=float, default=30.0, metavar="SECONDS", help="for running attempts at the end"
    )
    parser.add_argument("--metrics", default="", metavar="HOST:PORT", help="serve metrics for Prometheus there")
    parser.add_argument("--exit-with-parent", action="store_true", help="leave when standard input is closed")
    parser.add_argument("--log-level", default="INFO", choices=("DEBUG", "INFO", "WARNING", "ERROR"))
    alone = parser.add_argument_group("without a configuration file")
    alone.add_argument("--kind", choices=WORKER_KINDS)
    alone.add_argument("--provider", help="whose models these are; else the backend's name")
    alone.add_argument("--base-url")
    alone.add_argument("--model", action="append", default=[], metavar="NAME", help="a model to announce; repeatable")
    alone.add_argument("--discover", action="store_true", help="announce every model that the provider lists")
    alone.add_argument("--dialect", default="", help="variant of the OpenAI wire")
    alone.add_argument("--clearance", choices=[member.label for member in Sensitivity])
    alone.add_argument("--capacity", type=int, default=64)
    alone.add_argument("--pull", action="store_true", help="models that are not there may be fetched (ollama)")
    alone.add_argument("--keep-alive", default="", help="how long a model stays in memory, such as 5m (ollama)")
    alone.add_argument("--simulated", action="store_true", help="the backend is a simulated one")
    return parser


def _from_file(flags: argparse.Namespace, environment: Mapping[str, str]) -> ProcessSettings:
    configuration = load_configuration(flags.config, environment)
    section = configuration.backends.get(flags.backend)
    if section is None:
        known = suggest(flags.backend, configuration.backends) or "It has none."
        raise UsageError(f'{flags.config} has no backend "{flags.backend}". {known}')
    if section.kind not in WORKER_KINDS:
        raise UsageError(
            f'"{flags.backend}" of {flags.config} is of kind {section.kind}, so that its worker is a program of '
            f"your own: start that one, or give the backend a kind of these: {', '.join(WORKER_KINDS)}"
        )
    backend = _backend_from_section(flags, section, configuration, environment)
    routers = _routers(flags, environment) or (_near(configuration.router.listen, flags.config),)
    process = _process(flags, environment, backend, routers, section)
    try:
        token = configuration.router.token(flags.config, environment)
    except ValueError as error:
        raise UsageError(str(error)) from None
    process = replace(process, worker=replace(process.worker, token=token))
    tracing = configuration.tracing
    sample = tracing.sample if "sample" in tracing.model_fields_set else None
    return replace(process, trace_endpoint=tracing.endpoint, trace_sample=sample)


def _backend_from_section(
    flags: argparse.Namespace, section: BackendSection, configuration: Configuration, environment: Mapping[str, str]
) -> BackendSettings:
    prefix = f"{flags.backend}/"
    models = tuple(target.removeprefix(prefix) for target in configuration.models if target.startswith(prefix))
    missing = ""
    base_url, api_key, ca_file = "", None, ""
    headers: Mapping[str, str] = {}
    options: Mapping[str, object] = {}
    try:
        connection = section.resolve(flags.config, environment)
        base_url, api_key, ca_file = connection.base_url, connection.api_key, connection.ca_file
        headers, options = connection.headers, connection.options
        missing = _missing_address(section, connection)
        base_url = "" if missing else base_url
        missing = missing or _missing_key(flags.backend, section, connection, environment)
    except MissingVariables as error:
        missing = f"{', '.join(error.names)} is not set in the environment or the .env beside {flags.config}"
    except UnusableVariables as error:
        missing = f"{error}. Correct it in the environment or the .env beside {flags.config}"
    return BackendSettings(
        name=flags.backend,
        kind=section.kind,
        provider=section.provider or flags.backend,
        base_url=base_url,
        api_key=api_key,
        missing=missing,
        models=models,
        discover=section.discover,
        dialect=section.dialect or "",
        ca_file=ca_file or _ca_file(environment),
        headers=headers,
        options=options,
        connect_timeout=section.timeouts.connect,
        keep_alive="" if section.keep_alive is None else f"{section.keep_alive:g}s",
        pull=section.pull,
        offline=configuration.offline,
        simulated=section.simulated,
    )


def _missing_address(section: BackendSection, connection: BackendConnection) -> str:
    """What is wrong with an address out of the environment; one that is written out is checked with the file."""
    may_query = may_have_query(section.provider, section.dialect)
    fault = fault_of_url(connection.base_url, may_query=may_query) if connection.base_url else ""
    return f"what base_url refers to ({section.base_url}) is no address: {fault}" if fault else ""


def _missing_key(
    backend: str, section: BackendSection, connection: BackendConnection, environment: Mapping[str, str]
) -> str:
    """Why a provider behind litellm is bound to refuse: litellm would tell so only when it is called."""
    if section.kind != "litellm" or section.simulated or connection.api_key or connection.headers:
        return ""
    provider = load_providers()["providers"].get(section.provider, {})
    keys = provider.get("keys") or ()
    others = provider.get("needs") or any(is_secret_name(option) for option in connection.options)
    if not keys or others or any(environment.get(key) for key in keys):
        return ""
    return f"{section.provider} needs a key: write api_key: ${{{keys[0]}}} under backends.{backend}"


def _backend_from_flags(flags: argparse.Namespace, environment: Mapping[str, str]) -> BackendSettings:
    absent = [flag for flag, value in (("--kind", flags.kind), ("--base-url", flags.base_url)) if not value]
    if absent and not (flags.kind == "litellm" and absent == ["--base-url"]):
        raise UsageError(f"{' and '.join(absent)} missing: give them, or --config with a section for this backend")
    may_query = may_have_query(flags.provider or flags.backend, flags.dialect)
    fault = fault_of_url(flags.base_url, may_query=may_query) if flags.base_url else ""
    if fault:
        raise UsageError(f"--base-url is no address: {fault}")
    return BackendSettings(
        name=flags.backend,
        kind=flags.kind,
        provider=flags.provider or flags.backend,
        base_url=flags.base_url or "",
        api_key=_secret(KEY_VARIABLE, environment) or None,
        models=tuple(flags.model),
        discover=flags.discover,
        dialect=flags.dialect,
        ca_file=_ca_file(environment),
        keep_alive=flags.keep_alive,
        pull=flags.pull,
        simulated=flags.simulated,
    )


def _secret(variable: str, environment: Mapping[str, str]) -> str:
    """What a variable holds for a header, without blanks at its ends; empty: it is not set."""
    value = environment.get(variable, "").strip()
    fault = fault_of_header_value(value)
    if fault:
        raise UsageError(f"{variable} {fault}")
    return value


def _process(
    flags: argparse.Namespace,
    environment: Mapping[str, str],
    backend: BackendSettings,
    routers: tuple[str, ...],
    section: BackendSection | None = None,
) -> ProcessSettings:
    worker = WorkerSettings(
        backend=backend,
        routers=routers,
        worker_id=flags.worker_id or f"{backend.name}@{platform.node() or 'host'}:{os.getpid()}",
        epoch=time.time_ns(),
        token=_secret(TOKEN_VARIABLE, environment) if section is None else "",
        clearance=_clearance(flags.clearance) if section is None else section.clearance,
        capacity=flags.capacity if section is None else section.capacity,
        region="" if section is None else section.region,
        labels={} if section is None else section.labels,
        simulated=flags.simulated if section is None else section.simulated,
        drain_grace=flags.drain_grace,
    )
    return ProcessSettings(worker, flags.exit_with_parent, flags.log_level, metrics=_metrics(flags, section))


def _routers(flags: argparse.Namespace, environment: Mapping[str, str]) -> tuple[str, ...]:
    """The routers that are said, also as gRPC writes lists of them (`ipv4:10.0.0.1:50051,10.0.0.2:50051`)."""
    said = flags.router or environment.get(ROUTER_VARIABLE, "")
    for prefix in GRPC_LISTS:
        said = said.strip().removeprefix(prefix)
    return tuple(address.strip() for address in said.split(",") if address.strip())


def _near(listen: str, file: Path) -> str:
    """The router of the same configuration, taken to be on this host."""
    host, _, port = listen.rpartition(":")
    if int(port) == 0:
        raise UsageError(f"router.listen of {file} leaves the port open: say which with --router or {ROUTER_VARIABLE}")
    return f"{NEAR.get(host, host)}:{port}"


def _metrics(flags: argparse.Namespace, section: BackendSection | None) -> str:
    said = flags.metrics or ("" if section is None else section.metrics_listen)
    try:
        address = parse_metrics_address(said)
    except ValueError as error:
        raise UsageError(f"--metrics: {error}") from None
    return "" if address == OFF else address


def _clearance(label: str | None) -> Sensitivity | None:
    return None if label is None else Sensitivity.parse(label)


def _ca_file(environment: Mapping[str, str]) -> str:
    """Certificate authorities by the names that other tools go by; OpenSSL reads SSL_CERT_FILE itself."""
    return next((environment[name] for name in CA_VARIABLES if environment.get(name)), "")
