"""Real components for tests: finding them, starting them on free loopback ports, ending them."""

import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import NoReturn

import pytest

REQUIRED = "TRUNKLINE_REQUIRE_COMPONENTS"
"""Set to 1 (as CI does), a missing component fails its tests instead of skipping them."""

KILL_TIMEOUT = 5.0


def cache_folder() -> Path:
    """Where `make components` puts what it builds."""
    if own := os.environ.get("TRUNKLINE_COMPONENTS"):
        return Path(own)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "trunkline"


def find_component(name: str) -> Path:
    """The binary `name` of the cache, or else of PATH. Skips the test (in CI: fails it) where there is none."""
    built = cache_folder() / "bin" / name
    found = built if built.exists() else shutil.which(name)
    if found is None:
        missing(f"{name} is not installed: run `make components` (about 5 minutes, once)")
    return Path(found)


def find_model() -> Path:
    """The tiny model, in GGUF. Skips the test (in CI: fails it) where it was not made."""
    path = cache_folder() / "models" / "tiny.gguf"
    if not path.exists():
        missing("the tiny model is not there: run `make components`")
    return path


def missing(reason: str) -> NoReturn:
    """Skip the test that asked, or fail it where components are required."""
    if os.environ.get(REQUIRED) == "1":
        pytest.fail(f"{reason} ({REQUIRED}=1 forbids the skip)", pytrace=False)
    pytest.skip(reason)


def free_ports(count: int) -> list[int]:
    """Ports of the loopback address that were free a moment ago, all different."""
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


@contextmanager
def running(
    command: Sequence[str | Path],
    *,
    ready_url: str,
    log: Path,
    environment: Mapping[str, str] | None = None,
    ready_timeout: float = 30.0,
    grace: float = 5.0,
) -> Iterator[subprocess.Popen[bytes]]:
    """Run `command` until the block ends; enter the block once `ready_url` answers with status 200.
    At its end the process has `grace` seconds to stop by itself.

    Raises:
        AssertionError: the process ended, or did not answer in `ready_timeout` seconds; with the end of its log.
    """
    with log.open("wb") as output:
        process = subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=None if environment is None else dict(environment),
            start_new_session=True,
        )
    try:
        _wait_until_ready(process, ready_url, log, ready_timeout)
        yield process
    finally:
        _end(process, grace)


def _end(process: subprocess.Popen[bytes], grace: float) -> None:
    """End the process and its children: they are a session of their own."""
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(grace)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(KILL_TIMEOUT)


def _wait_until_ready(process: subprocess.Popen[bytes], url: str, log: Path, timeout: float) -> None:
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        if process.poll() is not None:
            raise AssertionError(f"it ended with code {process.returncode} before it was ready:\n{_tail(log)}")
        try:
            with urllib.request.urlopen(url, timeout=1.0) as answer:
                if answer.status == 200:
                    return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.05)
    raise AssertionError(f"{url} did not answer within {timeout:g} s:\n{_tail(log)}")


def _tail(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-20:])
