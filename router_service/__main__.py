"""`python -m router_service serve`: the router. Questions about configurations: `python -m router_service.config`."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from router_service.app import ServeOptions, configure_logging, run
from router_service.server.grpc_server import PortInUse
from service_common.configuration import ConfigurationErrors

FAILED = 1


def main(arguments: Sequence[str]) -> int:
    """Serve; the exit status: 0 stopped, 1 failed, 2 wrong usage."""
    parsed = _parser().parse_args(arguments)
    configure_logging(parsed.log_level)
    try:
        return run(ServeOptions(parsed.config, parsed.listen, parsed.exit_with_parent))
    except (ConfigurationErrors, PortInUse, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return FAILED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m router_service", description="The router of Trunkline.")
    serve = parser.add_subparsers(required=True).add_parser("serve", help="serve until stopped")
    serve.add_argument("--config", type=Path, required=True, metavar="FILE")
    serve.add_argument("--listen", default="", metavar="HOST:PORT", help="instead of the configured address")
    serve.add_argument("--exit-with-parent", action="store_true", help="leave when standard input is closed")
    serve.add_argument("--log-level", default="INFO", choices=("DEBUG", "INFO", "WARNING", "ERROR"))
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
