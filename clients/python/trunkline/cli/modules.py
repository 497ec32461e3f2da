"""The programs that the command line starts, and whether what they need is installed."""

import importlib.util
import sys
from dataclasses import dataclass
from typing import Final

import typer


@dataclass(frozen=True, slots=True)
class Program:
    """A module that is run as a process.

    Attributes:
        module: as in `python -m MODULE`.
        needs: libraries of the extra without which it cannot start.
        extra: the extra of the package `trunkline` that installs them.
    """

    module: str
    needs: tuple[str, ...]
    extra: str


ROUTER: Final = Program(
    "router_service", ("pydantic", "yaml", "grpc_health", "grpc_status", "re2", "sqlalchemy", "alembic"), "router"
)
CONFIGURATION: Final = Program("router_service.config", ("pydantic", "yaml", "re2"), "router")
WORKER: Final = Program("provider_workers", ("pydantic", "yaml", "aiohttp"), "worker")
SIMULATED: Final = Program("provider_workers.simulated", ("aiohttp",), "worker")


def require(*programs: Program) -> None:
    """Make sure that the programs can start.

    Raises:
        typer.Exit: a library is missing; standard error says how to install it.
    """
    for program in programs:
        package = program.module.partition(".")[0]
        missing = [name for name in (package, *program.needs) if importlib.util.find_spec(name) is None]
        if missing:
            typer.echo(
                f"trunkline: {program.module} needs {', '.join(missing)}, which is not installed. "
                f'Install it: pip install "trunkline[{program.extra}]"',
                err=True,
            )
            raise typer.Exit(1)


def module_command(program: Program, *arguments: str) -> list[str]:
    """The command that runs a program with this Python."""
    return [sys.executable, "-m", program.module, *arguments]
