"""What a request costs: the router and its workers beside the floor, in one run.

    python -m tests.bench [--json FILE] [--rounds N]

Prints a table and writes JSON. Every figure is CPU time of the processes under measurement alone (the driver and the
upstream are processes of their own); where it says so, relative to the floor in the same round, since a shared machine
is slower at one time than at another. Nothing is gated: a goal that is missed is shown as missed.
"""

import argparse
import asyncio
import json
import sys
import tempfile
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.bench import load, measures
from tests.bench.processes import Stack, Upstream, floor, seconds_until_up, sink, stack, upstream

ROUNDS = 7
RATES = (40, 200)


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table. `goal` None: there is none; at most so much where there is one."""

    name: str
    value: float
    unit: str
    goal: float | None = None
    detail: str = ""


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure all, print the table, write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows there, too")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="for the medians (default %(default)s)")
    given = parser.parse_args(arguments)
    rows: list[Row] = []
    for row in measure(given.rounds):
        rows.append(row)
        _print(row)
    if given.json:
        given.json.parent.mkdir(parents=True, exist_ok=True)
        given.json.write_text(json.dumps([asdict(row) for row in rows], indent=2) + "\n")


def measure(rounds: int) -> Iterable[Row]:
    """Every row, as it is known."""
    with ExitStack() as running:
        folder = Path(running.enter_context(tempfile.TemporaryDirectory()))
        source = running.enter_context(upstream())
        collector = running.enter_context(sink())
        traced = {"endpoint": f"http://{collector}"}
        stacks = {
            "floor": running.enter_context(floor(source, tuned=False)),
            "tuned floor": running.enter_context(floor(source, tuned=True)),
            "unsampled": running.enter_context(stack("unsampled", source, folder, {**traced, "sample": 0.0})),
            "exported": running.enter_context(stack("exported", source, folder, {**traced, "sample": 1.0})),
        }
        measured = stacks["unsampled"]
        yield from _requests(asyncio.run(measures.requests(source, stacks, collector, rounds)))
        long = asyncio.run(measures.long_prompts(source, measured, rounds))
        yield Row("router's share of a prompt of 32 KB", long, "us", detail="above one of 200 bytes")
        yield from _deltas(source, (stacks["tuned floor"], measured))
    with tempfile.TemporaryDirectory() as name, upstream() as source:
        with stack("idle", source, Path(name), {}, ("openai", "ollama", "anthropic")) as idle:
            yield from _memory(measures.memory(idle))
        yield Row("trunkline up until ready", seconds_until_up(source, Path(name)), "s", 3, "without a litellm worker")


def _requests(costs: measures.RequestCosts) -> Iterable[Row]:
    for floor_name in ("floor", "tuned floor"):
        base = costs.by_stack[floor_name]
        yield Row(f"request, {floor_name}", base.total, "us", detail=_split(base))
    for name, goal, what in (("unsampled", 1.5, "no span sampled"), ("exported", 2.3, "all spans exported")):
        cost = costs.by_stack[name]
        yield Row(f"request, {what}", cost.total, "us", detail=_split(cost))
        yield Row(f"request, {what}, to the floor", costs.ratio(name, "floor"), "x", goal)
        yield Row(f"request, {what}, to the tuned floor", costs.ratio(name, "tuned floor"), "x")
    yield Row("spans exported per request", costs.spans, "", detail="server, route, attempt, HTTP")


def _deltas(source: Upstream, stacks: Sequence[Stack]) -> Iterable[Row]:
    bare, full = asyncio.run(measures.burst(source, stacks))
    yield Row("delta in a burst, tuned floor", bare, "us")
    yield Row("delta in a burst", full, "us", 45, "streams of 2,000 deltas, 4 at a time")
    for rate in RATES:
        bare, full = asyncio.run(measures.paced(source, stacks, rate))
        yield Row(f"delta, {rate} a second, tuned floor", bare, "us")
        yield Row(f"delta, {rate} a second", full, "us", 75, "in each of 32 streams")
    bare, full = asyncio.run(measures.paced(source, stacks, RATES[0], load.complete))
    yield Row(f"delta, {RATES[0]} a second, of unary calls, tuned floor", bare, "us")
    yield Row(f"delta, {RATES[0]} a second, of unary calls", full, "us", detail="32 answers that are taken whole")


def _split(cost: measures.Cost) -> str:
    return f"router {cost.router:.0f}, worker {cost.worker:.0f}; {cost.rate:.0f}/s, median {cost.latency * 1e3:.0f} ms"


def _memory(resident: dict[str, float]) -> Iterable[Row]:
    goals = {"router": 130.0, "openai": 85.0, "ollama": 85.0, "anthropic": 260.0}
    kinds = {"openai": "openai_wire worker", "ollama": "ollama worker", "anthropic": "litellm worker"}
    for name, megabytes in resident.items():
        yield Row(f"idle {kinds.get(name, name)}", megabytes, "MB", goals[name])


def _print(row: Row) -> None:
    goal = "" if row.goal is None else f"{'met' if row.value <= row.goal else 'MISSED'} ({row.goal:g})"
    figure = f"{row.value:,.2f}" if row.unit in ("x", "s", "") else f"{row.value:,.0f}"
    sys.stdout.write(f"{row.name:46} {figure:>8} {row.unit:3} {goal:14} {row.detail}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
