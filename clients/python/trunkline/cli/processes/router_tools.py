"""Questions to the router's program about configurations, each answered by a short process."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trunkline.cli.modules import CONFIGURATION, module_command

_ANSWER_SECONDS = 20.0
_NOTE = "# Note: "


class ToolFailed(Exception):
    """The router's program refused; the message is what it said."""


@dataclass(frozen=True, slots=True)
class BackendDescription:
    """A backend of a configuration.

    Attributes:
        environment: the variables that its worker reads.
        external: somebody else starts its worker.
    """

    name: str
    kind: str
    environment: tuple[str, ...]
    simulated: bool
    enabled: bool
    external: bool = False


@dataclass(frozen=True, slots=True)
class ConfigurationDescription:
    """What `up` needs to know of a configuration.

    Attributes:
        environment: the variables that the router itself reads, but for `token_variable`: what workers must show.
        stop_seconds: what the router gives to its callers when it is asked to end.
        warnings: what may be meant in it and yet surprises.
    """

    listen: str
    backends: tuple[BackendDescription, ...]
    environment: tuple[str, ...]
    token_variable: str
    stop_seconds: float
    warnings: tuple[str, ...]


async def automatic_configuration(environment: Mapping[str, str], simulated: Mapping[str, str]) -> str:
    """A configuration (YAML) out of the keys in the environment, an Ollama that answers, and simulated providers.

    Raises:
        ToolFailed: it cannot be made.
    """
    pairs = [part for name, url in simulated.items() for part in ("--simulated", f"{name}={url}")]
    return await _ask(["automatic", *pairs], environment)


def notes_in(automatic: str) -> tuple[str, ...]:
    """What was found and is not used, as the automatic configuration says it in its comments."""
    return tuple(line.removeprefix(_NOTE) for line in automatic.splitlines() if line.startswith(_NOTE))


async def describe_configuration(file: Path, environment: Mapping[str, str]) -> ConfigurationDescription:
    """The backends of a configuration file.

    Raises:
        ToolFailed: the file has mistakes; the message lists them.
    """
    described = json.loads(await _ask(["describe", str(file)], environment))
    return ConfigurationDescription(
        listen=described["listen"],
        backends=tuple(_backend(entry) for entry in described["backends"]),
        environment=tuple(described["environment"]),
        token_variable=described["token_variable"],
        stop_seconds=described["stop_seconds"],
        warnings=tuple(described["warnings"]),
    )


def _backend(entry: Mapping[str, Any]) -> BackendDescription:
    """One backend of the description."""
    return BackendDescription(
        name=entry["name"],
        kind=entry["kind"],
        environment=tuple(entry["environment"]),
        simulated=entry["simulated"],
        enabled=entry["enabled"],
        external=entry["external"],
    )


async def _ask(arguments: Sequence[str], environment: Mapping[str, str]) -> str:
    """Run the router's program; its standard output.

    Raises:
        ToolFailed: it failed, or did not answer in time.
    """
    process = await asyncio.create_subprocess_exec(
        *module_command(CONFIGURATION, *arguments),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=dict(environment),
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(_ANSWER_SECONDS):
            out, error = await process.communicate()
    except TimeoutError as late:
        raise ToolFailed(f"{arguments[0]} did not answer within {_ANSWER_SECONDS:.0f} s") from late
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0:
        raise ToolFailed((error + out).decode("utf-8", "replace").strip())
    return out.decode("utf-8")
