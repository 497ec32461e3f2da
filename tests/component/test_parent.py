"""A process that was started by another ends with it."""

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


@pytest.mark.parametrize(
    ("rest", "status"), [("await stop.wait()", 0), ("while True: pass", 1)], ids=["in good order", "frozen"]
)
def test_the_end_of_standard_input_ends_the_process(rest: str, status: int) -> None:
    """In good order where the event loop runs, else all the same."""
    command = [sys.executable, "-c", PROGRAM.format(rest=rest)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as started:
        try:
            assert started.stdin is not None
            assert started.stdout is not None
            assert started.stdout.readline() == b"ready\n"
            started.stdin.close()
            assert started.wait(30) == status
        finally:
            started.kill()
