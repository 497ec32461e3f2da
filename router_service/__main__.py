"""`python -m router_service`: serve, and questions about configurations that need the router's knowledge."""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from router_service.app import ServeOptions, configure_logging, run
from router_service.config.check import add_arguments, run_check
from router_service.config.probing import ollama_models
from router_service.plugins.discovery import installed_plugins
from router_service.server.grpc_server import PortInUse
from service_common.configuration import ConfigurationErrors, automatic_configuration, load_configuration
from service_common.configuration.references import pick_variables
from service_common.facts import FactsTable

FAILED = 1


def main(arguments: Sequence[str]) -> int:
    """Run one subcommand; the exit status: 0 well, 1 failed, 2 wrong usage."""
    parsed = _parser().parse_args(arguments)
    try:
        return int(parsed.command(parsed))
    except (ConfigurationErrors, PortInUse, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return FAILED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m router_service", description="The router of Trunkline.")
    commands = parser.add_subparsers(required=True)
    serve = commands.add_parser("serve", help="serve until stopped")
    serve.add_argument("--config", type=Path, required=True, metavar="FILE")
    serve.add_argument("--listen", default="", metavar="HOST:PORT", help="instead of the configured address")
    serve.add_argument("--exit-with-parent", action="store_true", help="leave when standard input is closed")
    serve.add_argument("--log-level", default="INFO", choices=("DEBUG", "INFO", "WARNING", "ERROR"))
    serve.set_defaults(command=_serve)
    check = commands.add_parser("config-check", help="every mistake of a configuration file")
    add_arguments(check)
    check.set_defaults(command=_check)
    automatic = commands.add_parser("automatic-configuration", help="a configuration out of what is there, as YAML")
    automatic.add_argument("--simulated", action="append", default=[], metavar="NAME=URL", help="a simulated provider")
    automatic.set_defaults(command=_automatic)
    describe = commands.add_parser("describe-configuration", help="a file's backends and what each needs, as JSON")
    describe.add_argument("file", type=Path, metavar="FILE")
    describe.add_argument("--json", action="store_true", required=True)
    describe.set_defaults(command=_describe)
    return parser


def _serve(parsed: argparse.Namespace) -> int:
    configure_logging(parsed.log_level)
    return run(ServeOptions(parsed.config, parsed.listen, parsed.exit_with_parent))


def _check(parsed: argparse.Namespace) -> int:
    return run_check(parsed, os.environ, installed_plugins(), datetime.now(UTC).date(), sys.stdout)


def _automatic(parsed: argparse.Namespace) -> int:
    simulated = dict(pair.split("=", 1) for pair in parsed.simulated)
    sys.stdout.write(automatic_configuration(os.environ, ollama_models(os.environ), simulated))
    return 0


def _describe(parsed: argparse.Namespace) -> int:
    configuration = load_configuration(
        parsed.file, os.environ, installed_plugins(), FactsTable.load(), datetime.now(UTC).date()
    )
    backends = []
    for name, section in configuration.backends.items():
        needed = section.variables()
        known = pick_variables(needed, parsed.file, os.environ)
        backends.append(
            {
                "name": name,
                "kind": section.kind,
                "environment": list(needed),
                "missing": [variable for variable in needed if not known.get(variable, "").strip()],
                "simulated": section.simulated,
                "enabled": section.enabled,
            }
        )
    sys.stdout.write(json.dumps({"listen": configuration.router.listen, "backends": backends}) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
