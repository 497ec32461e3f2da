"""`trunkline up`: router and workers as processes, on one screen."""

import importlib
from pathlib import Path
from typing import Annotated

import typer

from trunkline.cli.modules import ROUTER, SIMULATED, WORKER, require


def up(
    config: Annotated[
        Path | None,
        typer.Option(
            "--config", "-c", help="The configuration; without: made out of what is there.", exists=True, dir_okay=False
        ),
    ] = None,
    listen: Annotated[str | None, typer.Option(help="HOST:PORT of the router.", show_default="127.0.0.1:50051")] = None,
    first_prompt: Annotated[bool, typer.Option("--first-prompt", help="Send a first prompt and show it all.")] = False,
) -> None:
    """Start a router and a worker for each backend; Ctrl-C ends them.

    Keys in the environment or in .env and an Ollama that answers are used; where there is none, simulated providers
    stand in.
    """
    require(ROUTER, WORKER, SIMULATED)
    # By name and here: the supervisor, YAML and dotenv cost every other command some 30 ms of its start.
    running = importlib.import_module("trunkline.cli.processes.running")
    running.run_up(config, listen, first_prompt=first_prompt)
