"""A real PostgreSQL on a free port of loopback; it refuses to run as root, so it runs as `postgres` there."""

import os
import pwd
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp
from uuid import uuid4

import psycopg
import pytest

from tests.support.components import free_ports, missing

BINARIES = Path("/usr/lib/postgresql/15/bin")
START_TIMEOUT = 20.0
STOP_TIMEOUT = 10.0


@dataclass(frozen=True, slots=True)
class Postgres:
    """A running PostgreSQL."""

    port: int
    process: subprocess.Popen[bytes]

    def new_database(self) -> str:
        """The address of a database of its own."""
        name = f"test_{uuid4().hex}"
        with psycopg.connect(self._address("postgres"), autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}"'.encode())
        return self._address(name)

    def pause(self) -> None:
        """Answer nothing from now on; connections stay open."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Answer again."""
        self._signal(signal.SIGCONT)

    def _address(self, name: str) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/{name}"

    def _signal(self, number: signal.Signals) -> None:
        """Send a signal to the server and to those of its processes that serve connections."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        for pid in (*map(int, children), self.process.pid):
            os.kill(pid, number)


@contextmanager
def run_postgres() -> Iterator[Postgres]:
    """A PostgreSQL of one's own, which leaves nothing behind."""
    if not (BINARIES / "postgres").exists():
        missing("PostgreSQL 15 is not installed: run `tools/components.sh postgres`")
    # Not below pytest's own folder, which only root may enter.
    folder = Path(mkdtemp(prefix="trunkline-postgres-"))
    try:
        as_user = _as_user(folder)
        data = folder / "data"
        initialise = [*as_user, str(BINARIES / "initdb"), "-D", str(data), "-U", "postgres", "-A", "trust", "--no-sync"]
        subprocess.run(initialise, check=True, capture_output=True, cwd=folder)
        [port] = free_ports(1)
        serve = [*as_user, str(BINARIES / "postgres"), "-D", str(data), "-h", "127.0.0.1", "-p", str(port)]
        with (folder / "postgres.log").open("wb") as log:
            process = subprocess.Popen(
                [*serve, "-k", str(folder), "-c", "fsync=off"], stdout=log, stderr=log, cwd=folder
            )
        try:
            _wait_until_ready(process, port, folder / "postgres.log")
            yield Postgres(port, process)
        finally:
            process.send_signal(signal.SIGQUIT)
            process.wait(STOP_TIMEOUT)
    finally:
        shutil.rmtree(folder)


def _as_user(folder: Path) -> Sequence[str]:
    """What runs a command as somebody who is not root, and owns `folder`."""
    if os.geteuid() != 0:
        return ()
    owner = pwd.getpwnam("postgres")
    os.chown(folder, owner.pw_uid, owner.pw_gid)
    return ("setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups")


def _wait_until_ready(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    end = time.monotonic() + START_TIMEOUT
    address = f"postgresql://postgres@127.0.0.1:{port}/postgres"
    while process.poll() is None and time.monotonic() < end:
        try:
            psycopg.connect(address, connect_timeout=1).close()
        except psycopg.OperationalError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError(f"PostgreSQL did not start:\n{log.read_text(errors='replace')}")


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """One PostgreSQL for the session; each test makes its own database."""
    with run_postgres() as server:
        yield server
