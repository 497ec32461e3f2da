"""What `trunkline up` starts, and how long it waits for its end."""

import asyncio
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tests.support.command_line import COMMAND, clean_environment, trunkline
from trunkline.cli.processes.child import Child, ChildSpec
from trunkline.cli.processes.launch import ROUTER_NAME, Launch
from trunkline.cli.processes.supervisor import Supervisor

PATIENT = {"lame_duck": "1s", "drain_grace": "2m"}


class Watched(Supervisor):
    """A supervisor that keeps what it is told of its processes.

    Attributes:
        specs: the newest of each process, by name.
    """

    def __init__(self) -> None:
        """Nothing is started yet."""
        super().__init__(lambda notice: None)
        self.specs: dict[str, ChildSpec] = {}

    async def start(self, spec: ChildSpec, on_line: Callable[[str], None] | None = None) -> Child:
        """See `Supervisor.start`."""
        self.specs[spec.name] = spec
        return await super().start(spec, on_line)

    def restart_as(self, spec: ChildSpec) -> None:
        """See `Supervisor.restart_as`."""
        self.specs[spec.name] = spec
        super().restart_as(spec)


@pytest.mark.parametrize(("router", "seconds"), [(PATIENT, 121.0), ({}, 30.5)])
async def test_the_router_gets_the_time_that_it_gives_its_callers(
    tmp_path: Path, router: dict[str, str], seconds: float
) -> None:
    """However long `drain_grace` is, no call that it allows is cut by the end of `up`."""
    config = tmp_path / "trunkline.yaml"
    config.write_text(yaml.safe_dump({"router": router, "backends": {"a": {"kind": "ollama", "enabled": False}}}))
    supervisor = Watched()
    try:
        await Launch(supervisor, tmp_path, clean_environment(), "token").run(config, "127.0.0.1:0")
        assert seconds < supervisor.specs[ROUTER_NAME].grace < seconds + 10.0
    finally:
        supervisor.kill_all()
        await supervisor.stop_all()


async def test_a_token_that_no_header_can_carry_is_named_before_anything_starts(tmp_path: Path) -> None:
    """`up` would start processes that never attach."""
    config = tmp_path / "trunkline.yaml"
    config.write_text("backends: {o: {kind: ollama, enabled: false}}")
    token = {"TRUNKLINE_WORKER_TOKEN": "one\ntwo"}
    ran = await trunkline("up", "--config", str(config), "--listen", "127.0.0.1:0", environment=token)
    said = (
        "trunkline up: TRUNKLINE_WORKER_TOKEN (for router.worker_token) holds a line break, which no header can carry"
    )
    assert (ran.code, ran.err.strip()) == (1, said)


async def test_a_dotenv_that_cannot_be_used_is_told_before_anything_starts(tmp_path: Path) -> None:
    """By `config check` and by `up`, which would hand its values on: file, line, and what to do."""
    config = tmp_path / "trunkline.yaml"
    config.write_text("backends: {o: {kind: ollama, enabled: false}}")
    (tmp_path / ".env").write_bytes(b"A=1\nKEY=caf\xe9\n")
    said = f"{tmp_path / '.env'}:2  this is no text in UTF-8. Save it as text in UTF-8."
    checked = await trunkline("config", "check", str(config))
    assert (checked.code, checked.out.splitlines()[0]) == (1, said)
    ran = await trunkline("up", "--config", str(config), "--listen", "127.0.0.1:0")
    assert (ran.code, ran.err.strip()) == (1, f"trunkline up: {said}")


async def test_up_can_be_ended_while_the_writer_of_a_dotenv_takes_its_time(tmp_path: Path) -> None:
    """A secret manager that mounts a pipe may ask its user first, who may think better of it."""
    os.mkfifo(pipe := tmp_path / ".env")
    environment = clean_environment({"TMPDIR": str(tmp_path)})
    process = await asyncio.create_subprocess_exec(*COMMAND, "up", cwd=tmp_path, env=environment)
    try:
        async with asyncio.timeout(60):
            while (writer := _writer_of(pipe)) is None:  # noqa: ASYNC110 - no event tells of a reader
                await asyncio.sleep(0.05)
            with os.fdopen(writer, "wb"):
                process.send_signal(signal.SIGTERM)
                assert await process.wait() == -signal.SIGTERM
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def _writer_of(pipe: Path) -> int | None:
    """Its writing end, once somebody reads it."""
    try:
        return os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
    except OSError:
        return None


async def test_a_worker_that_others_start_is_left_to_them(tmp_path: Path) -> None:
    """`up` starts the router alone, and says where the token must be set that it would make up."""
    config = tmp_path / "trunkline.yaml"
    config.write_text("backends: {house: {kind: external, discover: true}}")
    supervisor = Watched()
    try:
        launched = await Launch(supervisor, tmp_path, clean_environment(), "token").run(config, "127.0.0.1:0")
        assert set(supervisor.specs) == {ROUTER_NAME}
        assert [backend.external for backend in launched.backends] == [True]
        assert "set TRUNKLINE_WORKER_TOKEN for both" in launched.notes[-1]
    finally:
        supervisor.kill_all()
        await supervisor.stop_all()


async def test_the_users_own_data_file_of_providers_must_be_there(tmp_path: Path) -> None:
    """Where a variable names one, `up` goes by it or starts nothing."""
    missing = tmp_path / "none.yaml"
    named = {"TRUNKLINE_PROVIDERS": str(missing), "TMPDIR": str(tmp_path)}
    ran = await trunkline("up", "--listen", "127.0.0.1:0", environment=named)
    assert (ran.code, ran.err.splitlines()[0]) == (1, f"trunkline up: {missing}  there is no such file.")
