"""The supervisor with real processes."""

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from trunkline.cli.processes.addresses import AddressError, claim
from trunkline.cli.processes.child import ChildSpec
from trunkline.cli.processes.restarts import RestartPolicy
from trunkline.cli.processes.supervisor import Notice, StartFailed, Supervisor

UNTIL_STDIN_ENDS = "import sys; print('ready', flush=True); sys.stdin.read()"


def spec(tmp_path: Path, code: str, name: str = "child") -> ChildSpec:
    """A Python program as a child."""
    return ChildSpec(name, [sys.executable, "-c", code], {"PATH": os.environ["PATH"]}, tmp_path / f"{name}.log")


def alive(pid: int) -> bool:
    """Whether a process of this id runs."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def until(condition: Callable[[], object], seconds: float = 5.0) -> None:
    """Wait until `condition()` holds."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - the condition is the state of another process
            await asyncio.sleep(0.02)


async def test_a_process_that_dies_is_started_again(tmp_path: Path) -> None:
    """The kill is noticed, the person is told, and another process runs."""
    notices: list[Notice] = []
    supervisor = Supervisor(notices.append, RestartPolicy(first=0.01))
    first = await supervisor.start(spec(tmp_path, UNTIL_STDIN_ENDS))
    os.kill(first.pid, signal.SIGKILL)
    await until(lambda: supervisor.pid("child") not in (None, first.pid))
    assert supervisor.restarts("child") == 1
    assert [notice.bad for notice in notices] == [True, False]
    assert "ended by signal 9" in notices[0].text
    second = supervisor.pid("child")
    await supervisor.stop_all()
    assert second is not None
    assert not alive(second)


async def test_what_a_failing_process_said_is_shown(tmp_path: Path) -> None:
    """An exit code comes with the last line of the log and the place of the rest."""
    notices: list[Notice] = []
    supervisor = Supervisor(notices.append, RestartPolicy(first=5.0))
    await supervisor.start(spec(tmp_path, "import sys; print('no such backend'); sys.exit(3)"))
    await until(lambda: notices)
    await supervisor.stop_all()
    assert "exit code 3" in notices[0].text
    assert "no such backend" in notices[0].text
    assert (tmp_path / "child.log").read_text() == "no such backend\n"


async def test_problems_are_shown_once_all_is_up(tmp_path: Path) -> None:
    """Before, a warning goes to the log alone; afterwards it is told, without its time."""
    notices: list[Notice] = []
    supervisor = Supervisor(notices.append)
    code = (
        "import signal, sys; signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])\n"
        "print('2026-01-01 10:00:00,000 WARNING early', flush=True); print('ready', flush=True)\n"
        "signal.sigwait([signal.SIGUSR1]); print('2026-01-01 10:00:01,000 ERROR late', flush=True)\n"
        "print('INFO fine', flush=True); sys.stdin.read()"
    )
    child = spec(tmp_path, code)
    assert await supervisor.start_and_read(child, "ready") == "ready"
    supervisor.show_problems()
    await until(lambda: "early" in child.log.read_text())
    pid = supervisor.pid("child")
    assert pid is not None
    os.kill(pid, signal.SIGUSR1)
    await until(lambda: "fine" in child.log.read_text())
    assert [notice.text for notice in notices] == ["ERROR late"]
    await supervisor.stop_all()


async def test_a_full_disk_does_not_stop_a_process(tmp_path: Path) -> None:
    """What cannot be logged is still read, else the process would wait for ever; and the person is told once."""
    notices: list[Notice] = []
    supervisor = Supervisor(notices.append)
    chatty = "import sys; [print('x' * 1000) for _ in range(500)]; print('ready', flush=True); sys.stdin.read()"
    full = replace(spec(tmp_path, chatty), log=Path("/dev/full"))
    supervisor.show_problems()
    assert await supervisor.start_and_read(full, "ready") == "ready"
    assert [notice.name for notice in notices] == ["child"]
    assert "No space left" in notices[0].text
    await supervisor.stop_all()
    assert supervisor.restarts() == 0


async def test_a_process_that_cannot_be_started_again_is_tried_until_it_can(tmp_path: Path) -> None:
    """Where starting fails for a while (no memory, no program, no place for the log), the person is told each time."""
    notices: list[Notice] = []
    supervisor = Supervisor(notices.append, RestartPolicy(first=0.02))
    good = spec(tmp_path, UNTIL_STDIN_ENDS)
    first = await supervisor.start(good)
    supervisor.restart_as(replace(good, command=[str(tmp_path / "no-such-program")]))
    os.kill(first.pid, signal.SIGKILL)
    await until(lambda: any("cannot be started" in notice.text for notice in notices))
    supervisor.restart_as(good)
    await until(lambda: supervisor.pid("child") not in (None, first.pid))
    await supervisor.stop_all()
    assert notices[-1].text.startswith("started again")


async def test_a_stopped_process_is_not_started_again(tmp_path: Path) -> None:
    """Ending on purpose is no failure, and one that will not end is killed when its grace is over."""
    supervisor = Supervisor(lambda notice: None)
    stubborn = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); time.sleep(60)"
    )
    await supervisor.start_and_read(replace(spec(tmp_path, stubborn), grace=0.1), "ready")
    pid = supervisor.pid("child")
    assert pid is not None
    await supervisor.stop_all()
    assert not alive(pid)
    assert supervisor.restarts() == 0


async def test_groups_end_in_order(tmp_path: Path) -> None:
    """The router ends before its workers, so that what it has in flight can finish."""
    supervisor = Supervisor(lambda notice: None)
    order = tmp_path / "order"
    code = (
        "import signal, sys, pathlib, time\n"
        f"def end(*_): open({str(order)!r}, 'a').write(NAME); sys.exit(0)\n"
        "signal.signal(signal.SIGTERM, end); print('ready', flush=True); time.sleep(60)"
    )
    for name in ("worker a", "worker b", "router"):
        child = spec(tmp_path, code.replace("NAME", repr(name[0])), name)
        await supervisor.start_and_read(replace(child, grace=10.0), "ready")
    await supervisor.stop_all(["router", "worker "])
    assert order.read_text() == "rww"


async def test_silent_start_says_what_happened(tmp_path: Path) -> None:
    """A process that ends before its first word is reported with its last line."""
    supervisor = Supervisor(lambda notice: None)
    with pytest.raises(StartFailed, match=r"did not start.*no port"):
        await supervisor.start_and_read(spec(tmp_path, "import sys; print('no port'); sys.exit(1)"), "{")
    await supervisor.stop_all()


async def test_children_end_when_we_are_killed(tmp_path: Path) -> None:
    """SIGKILL leaves no time to clean up: the children see the end of their standard input."""
    code = (
        "import asyncio, sys; from pathlib import Path\n"
        "from trunkline.cli.processes.child import ChildSpec\n"
        "from trunkline.cli.processes.supervisor import Supervisor\n"
        f"code, log = {UNTIL_STDIN_ENDS!r}, Path({str(tmp_path / 'c.log')!r})\n"
        "async def main():\n"
        "    spec = ChildSpec('c', [sys.executable, '-c', code], {}, log)\n"
        "    supervisor = Supervisor(print)\n"
        "    await supervisor.start_and_read(spec, 'ready')\n"
        "    print(supervisor.pid('c'), flush=True)\n"
        "    await asyncio.sleep(60)\n"
        "asyncio.run(main())"
    )
    parent = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stdout=asyncio.subprocess.PIPE)
    assert parent.stdout is not None
    child = int(await asyncio.wait_for(parent.stdout.readline(), 10))
    parent.kill()
    await parent.wait()
    await until(lambda: not alive(child))


def test_taken_address_says_what_to_do() -> None:
    """A port in use, and what is no address, are told before anything starts."""
    free = claim("127.0.0.1:0")
    assert not free.endswith(":0")
    for wrong in ("50051", "127.0.0.1:", "127.0.0.1:x"):
        with pytest.raises(AddressError, match="HOST:PORT"):
            claim(wrong)


async def test_address_in_use() -> None:
    """Whoever has it keeps it; the message names the way out."""
    server = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(AddressError, match="--listen"):
            claim(f"127.0.0.1:{port}")
