"""A whole `trunkline up` for tests that call it as applications do."""

import re
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.support.command_line import COMMAND, clean_environment

READY_TIMEOUT = 30.0
STOP_TIMEOUT = 30.0
POLL_INTERVAL = 0.05


@contextmanager
def up_process(
    folder: Path,
    command: Sequence[str | Path] = COMMAND,
    more: Mapping[str, str] | None = None,
    arguments: Sequence[str] = (),
) -> Iterator[str]:
    """A router with simulated providers, run in `folder`; its address.

    Args:
        command: the command line to use.
        more: environment variables.
        arguments: of `up`.

    Raises:
        AssertionError: it did not come up within 30 s, or did not end within 30 s; with its screen.
    """
    screen = folder / "up.screen"
    with screen.open("wb") as output:
        process = subprocess.Popen(
            [*map(str, command), "up", "--listen", "127.0.0.1:0", *arguments],
            cwd=folder,
            env={**clean_environment(more), "TMPDIR": str(folder), "HOME": str(folder)},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        yield _address(process, screen)
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise AssertionError(f"it did not end:\n{screen.read_text()}") from None


def _address(process: "subprocess.Popen[bytes]", screen: Path) -> str:
    """Where the router is, once the screen says so."""
    end = time.monotonic() + READY_TIMEOUT
    while process.poll() is None and time.monotonic() < end:
        # the screen's last line, so that every worker is attached
        found = re.search(r"Trunkline is up at (\S+).*Ctrl-C ends it", screen.read_text(), re.DOTALL)
        if found is not None:
            return found.group(1)
        time.sleep(POLL_INTERVAL)
    raise AssertionError(f"it did not come up:\n{screen.read_text()}")
