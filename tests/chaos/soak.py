"""Many short calls, a fifth of them cancelled in the middle: the memory of router and workers stays flat."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from provider_workers.simulated import Behaviour, ProviderSpec, SimulatedProviders
from tests.support.caller import Caller, ask
from tests.support.configurations import FIRST, LOCAL, configuration, write_configuration
from tests.support.router_process import RunningProcess, attached, deployment
from trunkline.admin.v1 import admin_service_pb2 as admin
from trunkline.types.v1 import chat_pb2 as chat

AT_ONCE = 32
CANCELLED_EVERY = 5
WARM_UP_SHARE = 0.3
ALLOWED_GROWTH = 0.05
TARGETS = (FIRST, LOCAL)


@dataclass(slots=True)
class SoakReport:
    """Growth of each process's resident memory after warm-up, and what was not kept."""

    growth: dict[str, float] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)


async def soak(folder: Path, calls: int, say: Callable[[str], None], allowed: float = ALLOWED_GROWTH) -> SoakReport:
    """Make the calls; compare memory at the end with memory after the first 30 %."""
    specs = [ProviderSpec(t.backend, models=(t.model,), behaviour=Behaviour(answer_tokens=10)) for t in TARGETS]
    async with SimulatedProviders(specs, record_limit=100) as simulated:
        config = write_configuration(folder, configuration(TARGETS, simulated))
        async with deployment(config) as processes:
            running = {"router": await processes.router()}
            running |= {target.backend: await processes.worker(target.backend) for target in TARGETS}
            caller = await processes.caller()
            await attached(caller, len(TARGETS))
            warm = int(calls * WARM_UP_SHARE)
            await _make_calls(caller, warm)
            before = {name: _memory(process) for name, process in running.items()}
            say(f"{warm} calls to warm up: " + _told(before))
            await _make_calls(caller, calls - warm)
            after = {name: _memory(process) for name, process in running.items()}
            say(f"{calls - warm} calls more:  " + _told(after))
            report = SoakReport({name: after[name] / before[name] - 1 for name in running})
            report.broken += [f"{name} grew by {g:.1%}" for name, g in report.growth.items() if g > allowed]
            rows = (await caller.admin.GetTable(admin.GetTableRequest(), timeout=10)).rows
            report.broken += [f"{row.target} has {row.in_flight} in flight" for row in rows if row.in_flight]
            return report


async def _make_calls(caller: Caller, calls: int) -> None:
    """`AT_ONCE` callers side by side; each fifth call is cancelled after its first event."""
    numbers = iter(range(calls))

    async def keep_calling() -> None:
        for number in numbers:
            stream = caller.open(ask(f"Question {number}", routing=chat.RoutingOptions(model=TARGETS[number % 2].name)))
            async for _ in stream:
                if number % CANCELLED_EVERY == 0:
                    stream.cancel()
                    break

    await asyncio.gather(*(keep_calling() for _ in range(AT_ONCE)))
    await asyncio.sleep(4)  # the cancelled settle


def _memory(process: RunningProcess) -> int:
    return int(psutil.Process(process.process.pid).memory_info().rss)


def _told(memory: dict[str, int]) -> str:
    return ", ".join(f"{name} {size / 2**20:.1f} MB" for name, size in memory.items())
