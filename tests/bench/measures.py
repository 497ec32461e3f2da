"""The measurements. CPU is that of a stack's router and worker processes, in microseconds."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from tests.bench import load
from tests.bench.otlp_sink import spans_at
from tests.bench.processes import Stack, Upstream, resident

IN_FLIGHT = 32
CALLS = 1000
WARM_UP = 300
ANSWER = "Ask for a refund at the box office before Friday."
EXPORT_WAIT = 1.2
"""Seconds until the last batch of spans has left; they belong to the round."""
MICRO = 1e6
MEGABYTE = 1024 * 1024

Calls = Callable[[str, int, int], Awaitable[load.Load]]
"""Makes so many calls to an address, so many at a time."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Microseconds of CPU per request; requests per second; median seconds of a request."""

    router: float
    worker: float
    rate: float
    latency: float

    @property
    def total(self) -> float:
        """Router and worker together."""
        return self.router + self.worker


@dataclass(frozen=True, slots=True)
class RequestCosts:
    """Medians over the rounds. `spans`: that arrived, per request."""

    by_round: Mapping[str, list[Cost]]
    by_stack: Mapping[str, Cost]
    spans: float

    def ratio(self, name: str, floor: str) -> float:
        """What a request costs a stack, to what it costs a floor in the same round."""
        rounds = zip(self.by_round[name], self.by_round[floor], strict=True)
        return median(cost.total / base.total for cost, base in rounds)


async def requests(source: Upstream, stacks: Mapping[str, Stack], collector: str, rounds: int) -> RequestCosts:
    """Unary calls at 32 in flight, the stacks in turn, several rounds."""
    source.behave(answer_text=ANSWER)
    for one in stacks.values():
        await load.complete(one.address, WARM_UP, IN_FLIGHT)
    await asyncio.sleep(EXPORT_WAIT)
    before = spans_at(collector)
    found: dict[str, list[Cost]] = {name: [] for name in stacks}
    for _ in range(rounds):
        for name, one in stacks.items():
            found[name].append(await _round(one))
    spans = (spans_at(collector) - before) / (rounds * CALLS)
    return RequestCosts(found, {name: _middle(costs) for name, costs in found.items()}, spans)


async def long_prompts(source: Upstream, one: Stack, rounds: int) -> float:
    """What a prompt of 32 KB costs the router above one of 200 bytes: reading it, and passing it on."""
    source.behave(answer_text=ANSWER)
    differences = []
    for _ in range(rounds):
        spent = []
        for size in (200, 32 * 1024):
            before, _ = one.cpu()
            await load.complete(one.address, CALLS // 2, IN_FLIGHT, size)
            after, _ = one.cpu()
            spent.append((after - before) / (CALLS // 2) * MICRO)
        differences.append(spent[1] - spent[0])
    return median(differences)


async def burst(source: Upstream, stacks: Sequence[Stack]) -> list[float]:
    """CPU per delta of a provider that sends as fast as it is read, of each stack."""
    source.behave(answer_tokens=2000, tokens_per_second=0)
    return [await _per_delta(one, calls=40, deltas=2000, in_flight=4) for one in stacks]


async def paced(source: Upstream, stacks: Sequence[Stack], rate: int, make: Calls = load.stream) -> list[float]:
    """CPU per delta where each comes on its own, `rate` a second in each of 32 calls that `make` makes."""
    source.behave(answer_tokens=5 * rate, tokens_per_second=rate)
    return [await _per_delta(one, calls=IN_FLIGHT, deltas=5 * rate, in_flight=IN_FLIGHT, make=make) for one in stacks]


def memory(idle: Stack) -> dict[str, float]:
    """Megabytes resident: the router's and each worker's, before any request."""
    time.sleep(1.0)
    found = {"router": resident(idle.router) / MEGABYTE}
    return found | {name: resident(worker) / MEGABYTE for name, worker in idle.workers.items()}


async def _round(one: Stack) -> Cost:
    router, worker = one.cpu()
    done = await load.complete(one.address, CALLS, IN_FLIGHT)
    await asyncio.sleep(EXPORT_WAIT)
    router_after, worker_after = one.cpu()
    return Cost(
        router=(router_after - router) / CALLS * MICRO,
        worker=(worker_after - worker) / CALLS * MICRO,
        rate=CALLS / done.seconds,
        latency=median(done.latencies),
    )


async def _per_delta(one: Stack, *, calls: int, deltas: int, in_flight: int, make: Calls = load.stream) -> float:
    before = sum(one.cpu())
    await make(one.address, calls, in_flight)
    return (sum(one.cpu()) - before) / (calls * deltas) * MICRO


def _middle(costs: list[Cost]) -> Cost:
    return Cost(
        router=median(cost.router for cost in costs),
        worker=median(cost.worker for cost in costs),
        rate=median(cost.rate for cost in costs),
        latency=median(cost.latency for cost in costs),
    )
