"""A process that was started by another ends with it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = """
import asyncio
from service_common import parent
parent.UNHEARD = 0.2
async def main():
    stop = asyncio.Event()
    watching = asyncio.create_task(parent.parent_gone(stop))
    await asyncio.sleep(0)
    print("ready", flush=True)
    {rest}
asyncio.run(main())
"""


@pytest.mark.parametrize("blocking", [True, False], ids=["blocking", "non-blocking"])
@pytest.mark.parametrize(
    ("rest", "status"), [("await stop.wait()", 0), ("while True: pass", 1)], ids=["in good order", "frozen"]
)
def test_the_end_of_standard_input_ends_the_process(rest: str, status: int, blocking: bool) -> None:
    """In good order where the event loop runs, else all the same; whatever kind of pipe the parent made."""
    command = [sys.executable, "-c", PROGRAM.format(rest=rest)]
    reading, writing = os.pipe()
    os.set_blocking(reading, blocking)
    with (
        os.fdopen(writing, "wb", buffering=0) as parent,
        os.fdopen(reading, "rb", buffering=0) as given,
        subprocess.Popen(command, cwd=ROOT, stdin=given, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as started,
    ):
        try:
            given.close()
            assert started.stdout is not None
            assert started.stderr is not None
            assert started.stdout.readline() == b"ready\n"
            parent.write(b"is read over")
            parent.close()
            assert started.wait(30) == status
            assert started.stderr.read() == b""
        finally:
            started.kill()
