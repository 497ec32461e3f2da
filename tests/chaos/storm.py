"""Random faults from a seed over many calls with real processes, and what must hold at the end.

What must hold: every call has exactly one outcome, and an answer is the provider's whole answer; the router's in-flight
counts return to zero; it recorded every attempt that the providers saw; nothing of it grows.
"""

import asyncio
import json
import signal
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import grpc
import psutil

from provider_workers.simulated import ProviderSpec, SimulatedProviders
from tests.support.caller import Caller, Told, ask
from tests.support.configurations import FIRST, LOCAL, SECOND, configuration, write_configuration
from tests.support.router_process import Deployment, RunningProcess, attached, deployment
from trunkline.admin.v1 import admin_service_pb2 as admin
from trunkline.types.v1 import chat_pb2 as chat
from trunkline.types.v1.target_pb2 import TargetRow

TARGETS = (FIRST, SECOND, LOCAL)
SENTENCE = "A bridge carries a road over a river, and every word of this answer must arrive. "
ANSWER = (SENTENCE * 3).strip()
ATTEMPTS = {"retries_per_target": 1, "first_token_timeout": "400ms", "idle_timeout": "400ms", "default_deadline": "8s"}
# Circuits open and close many times in one storm.
CIRCUIT = {"open_for": "100ms", "open_for_max": "500ms"}
# Left out: what takes a target out for good (401, quota) or is the caller's own fault and says nothing of the router.
FAULTS = (
    *("500", "502", "503", "529", "reset", "cut", "cut_chunked", "no_finish_reason", "malformed_chunk"),
    *("error_in_stream", "other_shape", "html_200", "empty_body", "empty_choices", "silent_before_headers"),
    *("silent_before_first_token", "stall", "no_done", "one_byte_writes", "split_utf8", "gzip", "duplicate_finish"),
)
RECOVERIES = (chat.STREAM_RECOVERY_FAIL, chat.STREAM_RECOVERY_RESET, chat.STREAM_RECOVERY_CONTINUE_OR_RESET)


@dataclass(frozen=True, slots=True)
class Weather:
    """How rough it gets.

    Attributes:
        calls: how many; `at_once`: of them in flight.
        fault_share: of the attempts that meet a fault.
        cancel_share: of the calls that their caller cancels.
        kills: how many times a worker is killed or paused meanwhile.
    """

    calls: int
    seed: int
    at_once: int = 24
    fault_share: float = 0.3
    cancel_share: float = 0.0
    kills: int = 0


@dataclass(slots=True)
class Report:
    """What came of a storm; `broken` names every promise that was not kept."""

    outcomes: Counter[str] = field(default_factory=Counter)
    attempts_told: int = 0
    attempts_recorded: int = 0
    attempts_seen: int = 0
    memory_growth: dict[str, float] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)


async def storm(folder: Path, weather: Weather) -> Report:
    """Run one storm in processes of its own."""
    random = Random(weather.seed)
    specs = [ProviderSpec(target.backend, models=(target.model,)) for target in TARGETS]
    async with SimulatedProviders(specs, seed=weather.seed, record_limit=20 * weather.calls) as simulated:
        config = write_configuration(folder, configuration(TARGETS, simulated, ATTEMPTS, circuit=CIRCUIT))
        async with deployment(config) as processes:
            router = await processes.router()
            workers = {target.backend: await processes.worker(target.backend) for target in TARGETS}
            caller = await processes.caller()
            await attached(caller, len(TARGETS))
            before = _footprint(router)
            report = Report()
            await _rage(processes, workers, caller, weather, random, report)
            await _settle(caller, report)
            await _compare(caller, simulated, weather, report)
            _check_footprint(router, before, report)
            for name, process in (("router", router), *workers.items()):
                if "Traceback" in process.log:
                    report.broken.append(f"the log of {name} has a traceback:\n{process.log[-2000:]}")
            return report


async def _rage(
    processes: Deployment,
    workers: dict[str, RunningProcess],
    caller: Caller,
    weather: Weather,
    random: Random,
    report: Report,
) -> None:
    """All calls, at most `at_once` at a time, while workers are killed."""
    slots = asyncio.Semaphore(weather.at_once)

    async def one(number: int) -> None:
        async with slots:
            await _call(caller, number, weather, random, report)

    calls = [asyncio.create_task(one(number)) for number in range(weather.calls)]
    killer = asyncio.create_task(_kill(processes, workers, weather.kills, random))
    await asyncio.gather(*calls)
    await killer


async def _kill(processes: Deployment, workers: dict[str, RunningProcess], kills: int, random: Random) -> None:
    """Kill or pause workers, one after the other; each comes back."""
    for _ in range(kills):
        await asyncio.sleep(random.uniform(0.3, 1.0))
        backend = random.choice(sorted(workers))
        if random.random() < 0.5:
            workers[backend].send(signal.SIGSTOP)
            await asyncio.sleep(random.uniform(0.2, 1.0))
            workers[backend].send(signal.SIGCONT)
        else:
            workers[backend].send(signal.SIGKILL)
            await workers[backend].ended()
            workers[backend] = await processes.worker(backend)


async def _call(caller: Caller, number: int, weather: Weather, random: Random, report: Report) -> None:
    """One call, streamed or whole; its one outcome is counted, and an answer held against the provider's."""
    completion = ask(
        f"Question {number}: what is a bridge?",
        provider_options={target.backend: _wish(weather, random) for target in TARGETS},
        routing=chat.RoutingOptions(stream_recovery=random.choice(RECOVERIES)),
    )
    leaves_after = random.uniform(0.0, 0.3) if random.random() < weather.cancel_share else None
    streamed = random.random() < 0.5
    call = asyncio.create_task(_streamed(caller, completion) if streamed else _whole(caller, completion))
    try:
        text, attempts = await asyncio.wait_for(call, leaves_after)
    except TimeoutError:
        report.outcomes["cancelled"] += 1
    except grpc.aio.AioRpcError as error:
        report.outcomes[error.code().name] += 1
        if error.code() in (grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN):
            report.broken.append(f"call {number}: {error.code().name}: {error.details()}")
    else:
        report.outcomes["answered"] += 1
        report.attempts_told += attempts
        if text != ANSWER:
            report.broken.append(f"call {number} got another answer than the provider's: {text!r}")


async def _streamed(caller: Caller, completion: chat.CompletionRequest) -> tuple[str, int]:
    told: Told = await caller.stream(completion)
    return told.text, len(told.completed.attempts)


async def _whole(caller: Caller, completion: chat.CompletionRequest) -> tuple[str, int]:
    answer = await caller.complete(completion)
    return answer.text, len(answer.completed.attempts)


def _wish(weather: Weather, random: Random) -> str:
    """What a simulated provider is to do with this call."""
    wish: dict[str, Any] = {"answer_text": ANSWER, "tokens_per_second": random.choice((0, 0, 400))}
    if random.random() < weather.fault_share:
        wish |= {"fault": random.choice(FAULTS), "after_tokens": random.randrange(6)}
    return json.dumps({"trunkline_sim": wish})


# ---------------------------------------------------------------------------------------------- what must hold


async def _settle(caller: Caller, report: Report) -> None:
    """In flight returns to zero: every attempt settles within its cancel's grace."""
    busy: list[TargetRow] = []
    for _ in range(100):
        busy = [row for row in await _rows(caller) if row.in_flight or row.reported_in_flight]
        if not busy:
            return
        await asyncio.sleep(0.1)
    report.broken += [f"{row.target} still has {row.in_flight} in flight" for row in busy]


async def _compare(caller: Caller, simulated: SimulatedProviders, weather: Weather, report: Report) -> None:
    """The attempts that the router recorded are those that the providers saw, and those that callers were told of."""
    report.attempts_recorded = sum(row.attempts for row in await _rows(caller))
    report.attempts_seen = sum(_inferences(simulated, target.backend) for target in TARGETS)
    told = report.outcomes
    if sum(told.values()) != weather.calls:
        report.broken.append(f"{weather.calls} calls had {sum(told.values())} outcomes")
    if report.attempts_seen > report.attempts_recorded:
        report.broken.append(f"providers saw {report.attempts_seen} attempts, {report.attempts_recorded} are recorded")
    if not weather.kills and not weather.cancel_share and report.attempts_seen != report.attempts_recorded:
        report.broken.append(f"{report.attempts_recorded} attempts are recorded, providers saw {report.attempts_seen}")


def _inferences(simulated: SimulatedProviders, backend: str) -> int:
    return sum(1 for request in simulated.requests(backend) if request.model and "chat" in request.path)


async def _rows(caller: Caller) -> Sequence[TargetRow]:
    return list((await caller.admin.GetTable(admin.GetTableRequest(), timeout=10)).rows)


@dataclass(frozen=True, slots=True)
class _Footprint:
    memory: int
    files: int


def _footprint(process: RunningProcess) -> _Footprint:
    seen = psutil.Process(process.process.pid)
    return _Footprint(seen.memory_info().rss, seen.num_fds())


def _check_footprint(router: RunningProcess, before: _Footprint, report: Report) -> None:
    """Sockets and files are back to where they were; what memory grew by is reported."""
    after = _footprint(router)
    report.memory_growth["router"] = after.memory / before.memory
    if after.files > before.files + 10:
        report.broken.append(f"the router held {before.files} files and sockets before, {after.files} after")
