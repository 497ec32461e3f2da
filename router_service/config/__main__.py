"""`python -m router_service.config`: questions about configurations that need the router's knowledge, not the router.

A program of its own, so that `trunkline up` and `trunkline config check` do not wait for gRPC and tracing to load.
"""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from io import TextIOWrapper
from pathlib import Path

from router_service.config.check import add_arguments, run_check
from router_service.config.probing import ollama_models
from router_service.config.running import Sources, prepare
from router_service.plugins.discovery import installed_plugins
from router_service.state.token_counter import TokenCounter
from service_common.backend_kinds import BACKEND_KINDS
from service_common.clock import SystemClock
from service_common.configuration import (
    ConfigurationErrors,
    automatic_configuration,
    check_automatic,
    read_text,
    wrong_addresses,
)
from service_common.configuration.references import all_variables_in
from service_common.facts import FactsTable

FAILED = 1


def main(arguments: Sequence[str]) -> int:
    """Answer one question; the exit status: 0 well, 1 failed, 2 wrong usage."""
    parsed = _parser().parse_args(arguments)
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a file may hold what a terminal cannot show
    try:
        status = int(parsed.command(parsed))
        sys.stdout.flush()
    except (ConfigurationErrors, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return FAILED
    except OSError as error:
        if error.filename is not None:
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nothing is left to flush at the end
        sys.stderr.write(f"trunkline: the output cannot be written: {error.strerror}\n")
        return FAILED
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m router_service.config", description=__doc__.partition("\n")[0])
    commands = parser.add_subparsers(required=True)
    check = commands.add_parser("check", help="every mistake of a configuration file")
    add_arguments(check)
    check.set_defaults(command=_check)
    automatic = commands.add_parser("automatic", help="a configuration out of what is there, as YAML")
    automatic.add_argument("--simulated", action="append", default=[], metavar="NAME=URL", help="a simulated provider")
    automatic.set_defaults(command=_automatic)
    describe = commands.add_parser("describe", help="a file's backends and what each needs, as JSON")
    describe.add_argument("file", type=Path, metavar="FILE")
    describe.set_defaults(command=_describe)
    return parser


def _check(parsed: argparse.Namespace) -> int:
    return run_check(_sources(parsed.file), sys.stdout, as_json=parsed.json)


def _automatic(parsed: argparse.Namespace) -> int:
    wrong = wrong_addresses(os.environ)
    if wrong:
        raise ConfigurationErrors(wrong)
    simulated = dict(pair.split("=", 1) for pair in parsed.simulated)
    made = automatic_configuration(os.environ, ollama_models(os.environ), simulated)
    check_automatic(made, os.environ)
    sys.stdout.write(made)
    return 0


def _describe(parsed: argparse.Namespace) -> int:
    sources = _sources(parsed.file)
    running = prepare(read_text(sources.path), sources)
    configuration = running.configuration
    backends = [
        {
            "name": name,
            "kind": section.kind,
            "environment": list(section.variables()),
            "simulated": section.simulated,
            "enabled": section.enabled,
            "external": not BACKEND_KINDS[section.kind].has_worker,
        }
        for name, section in configuration.backends.items()
    ]
    own = [*configuration.shared.variables(), *all_variables_in(configuration.router.database)]
    router = configuration.router
    if os.environ.get(router.token_variable):  # else `up` makes one
        router.token(sources.path, os.environ)
    described = {
        "listen": router.listen,
        "environment": own,
        "backends": backends,
        "token_variable": router.token_variable,
        "stop_seconds": router.lame_duck + router.drain_grace,
        "warnings": [str(doubt) for doubt in running.doubts],
    }
    sys.stdout.write(json.dumps(described) + "\n")
    return 0


def _sources(file: Path) -> Sources:
    return Sources(file, os.environ, installed_plugins(), FactsTable.load(), SystemClock(), TokenCounter())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
