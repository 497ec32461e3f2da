"""What the link costs: CPU per delta in router and worker, and how soon a killed worker is noticed.

Run as `python -m tests.bench.link_cost`. The worker's end is a bare client in a process of its own; `burst` sends as
many deltas in a message as fit, `paced` one delta a message.
"""

import asyncio
import json
import statistics
import sys
import time
from asyncio.subprocess import PIPE, Process

from router_service.dispatch.attempt import Attempt
from router_service.domain.events import TextDelta
from router_service.domain.signals import Finished
from tests.support.link_parts import catalogue, order, spec
from tests.support.scripted_worker import LinkServer, ScriptedWorker, event_frame, until
from trunkline.worker.v1 import worker_service_pb2 as pb

DELTAS = 20_000
TEXT = "a delta of 20 chars."
KILLS = 20
LONGEST = 60.0
"""Seconds for any one measurement."""


async def work(address: str, batch: int) -> None:
    """Answer one dispatch with all deltas, `batch` to a message, heeding credit; then tell the CPU time it took."""
    worker = ScriptedWorker(address)
    await worker.attach()
    dispatch = (await worker.next("dispatch")).dispatch
    began = time.process_time()
    credit, sent = dispatch.credit_bytes, 0
    while sent < DELTAS:
        count = min(batch, DELTAS - sent)
        while credit < count * len(TEXT):
            credit += (await worker.next("credit")).credit.bytes
        credit -= count * len(TEXT)
        sent += count
        await worker.send(*(event_frame(dispatch.attempt_id, text_delta=TEXT) for _ in range(count)))
    await worker.report(dispatch.attempt_id, finished=pb.Finished())
    sys.stdout.write(json.dumps({"cpu": time.process_time() - began}) + "\n")
    sys.stdout.flush()
    await asyncio.sleep(LONGEST)


async def measure(batch: int) -> tuple[float, float, float]:
    """Microseconds per delta: CPU of the router, CPU of the worker, wall clock."""
    async with LinkServer.listening(catalogue(spec("a/m")), heartbeat_interval=LONGEST) as router:
        process = await start_worker(router, batch)
        attempt = begin(router)
        cpu, wall, characters = time.process_time(), time.perf_counter(), 0
        finished = False
        while not finished:
            for signal in await attempt.read():
                characters += len(signal.text) if isinstance(signal, TextDelta) else 0
                finished = isinstance(signal, Finished)
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
        assert characters == DELTAS * len(TEXT)
        assert process.stdout is not None
        theirs = json.loads(await process.stdout.readline())["cpu"]
        process.kill()
        await process.wait()
        return cpu / DELTAS * 1e6, theirs / DELTAS * 1e6, wall / DELTAS * 1e6


async def notice() -> float:
    """Milliseconds from a worker's SIGKILL to the failure of its attempt."""
    async with LinkServer.listening(catalogue(spec("a/m")), heartbeat_interval=LONGEST) as router:
        process = await start_worker(router, 1)
        attempt = begin(router)
        await attempt.read()
        killed = time.perf_counter()
        process.kill()
        while attempt.record is None:
            await attempt.read()
        taken = time.perf_counter() - killed
        await process.wait()
        return taken * 1e3


async def start_worker(router: LinkServer, batch: int) -> Process:
    """A worker process that has attached."""
    arguments = ("-m", "tests.bench.link_cost", router.address, str(batch))
    process = await asyncio.create_subprocess_exec(sys.executable, *arguments, stdout=PIPE)
    await until(lambda: bool(router.link.sessions))
    return process


def begin(router: LinkServer) -> Attempt:
    """The one attempt."""
    attempt = router.registry.start(order(router.clock, router.catalogue.targets["a/m"]))
    assert isinstance(attempt, Attempt)
    return attempt


async def report() -> None:
    """Measure and print."""
    for name, batch in (("burst", 1_000), ("paced", 1)):
        async with asyncio.timeout(LONGEST):
            ours, theirs, wall = await measure(batch)
        sys.stdout.write(f"{name}: router {ours:.1f} us, worker {theirs:.1f} us, wall {wall:.1f} us a delta\n")
    async with asyncio.timeout(LONGEST):
        taken = [await notice() for _ in range(KILLS)]
    sys.stdout.write(f"killed worker noticed: median {statistics.median(taken):.1f} ms, most {max(taken):.1f} ms\n")


if __name__ == "__main__":
    asyncio.run(work(sys.argv[1], int(sys.argv[2])) if len(sys.argv) > 1 else report())
