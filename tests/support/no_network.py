"""A network namespace with a loopback and nothing else, and a record of where processes tried to connect to."""

import asyncio
import re
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

_MAKE = "ip link set lo up && echo ready && exec sleep infinity"
_INET = re.compile(r'connect\(.*?(?:inet_addr\("([^"]+)"\)|inet_pton\(AF_INET6, "([^"]+)")')
_NEAR = re.compile(r"127\.|::1$|::ffff:127\.")


@asynccontextmanager
async def no_network() -> AsyncIterator[tuple[str, ...]]:
    """The words to put before a command that shall run where there is a loopback alone."""
    if not all(map(shutil.which, ("unshare", "nsenter", "ip"))):
        pytest.skip("no network namespaces: apt-get install util-linux iproute2")
    holder = await asyncio.create_subprocess_exec(
        *("unshare", "--map-root-user", "--net", "sh", "-c", _MAKE),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert holder.stdout is not None
        async with asyncio.timeout(5):
            if await holder.stdout.readline() != b"ready\n":
                pytest.skip("no network namespaces: sysctl kernel.unprivileged_userns_clone=1, or run as root")
        yield ("nsenter", "--target", str(holder.pid), "--user", "--preserve-credentials", "--net")
    finally:
        if holder.returncode is None:
            holder.kill()
        await holder.wait()


def recorded(file: Path) -> tuple[str, ...]:
    """The words to put before a command whose `connect` calls, and its children's, shall be written to `file`."""
    if shutil.which("strace") is None:
        pytest.skip("no record of connections: apt-get install strace")
    return ("strace", "-D", "-f", "-qq", "--seccomp-bpf", "-e", "trace=connect", "-o", str(file))


def outside(file: Path) -> list[str]:
    """The addresses beyond this host that `recorded` saw; a file without any connection fails the test."""
    text = file.read_text(encoding="utf-8", errors="replace")
    found = [four or six for four, six in _INET.findall(text)]
    assert found, "nothing was recorded"
    return sorted({address for address in found if not _NEAR.match(address)})
