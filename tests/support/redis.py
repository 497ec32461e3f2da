"""A real Redis, in memory, on a free port of loopback."""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.components import free_ports, missing

START_TIMEOUT = 10.0
POLL_INTERVAL = 0.02


@dataclass(frozen=True, slots=True)
class Redis:
    """A running Redis."""

    address: str
    process: subprocess.Popen[bytes]

    def pause(self) -> None:
        """Answer nothing from now on; connections stay open."""
        self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Answer again."""
        self.process.send_signal(signal.SIGCONT)


@contextmanager
def run_redis(folder: Path, password: str = "") -> Iterator[Redis]:
    """A Redis of one's own that keeps nothing on disk; its log goes to `folder`."""
    [port] = free_ports(1)
    binary = shutil.which("redis-server") or missing(
        "redis-server is not installed: run `tools/components.sh redis` (apt-get, as root)"
    )
    command = [binary, "--bind", "127.0.0.1", "--port", str(port), "--save", ""]
    command += ["--requirepass", password] if password else []
    with (folder / "redis.log").open("wb") as log:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=folder, env={"PATH": os.environ["PATH"]}
        )
    try:
        _wait_until_ready(process, port, folder / "redis.log")
        yield Redis(f"redis://127.0.0.1:{port}/0", process)
    finally:
        process.kill()
        process.wait()


def _wait_until_ready(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    end = time.monotonic() + START_TIMEOUT
    while process.poll() is None and time.monotonic() < end:
        try:
            socket.create_connection(("127.0.0.1", port), 1.0).close()
        except OSError:
            time.sleep(POLL_INTERVAL)
        else:
            return
    raise AssertionError(f"Redis did not start:\n{log.read_text(errors='replace')[-2000:]}")


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[Redis]:
    """A Redis for one test; it starts in 20 ms."""
    with run_redis(tmp_path) as server:
        yield server
