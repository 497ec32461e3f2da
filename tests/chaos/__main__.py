"""`make chaos` and `make soak`: see docs/reliability.md."""

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

from tests.chaos.soak import soak
from tests.chaos.storm import Report, Weather, storm


def main() -> int:
    """Run one of the two; exit status 1 where a promise was not kept."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    chaos = commands.add_parser("storm", help="random faults from a seed, invariants checked at the end")
    chaos.add_argument("--calls", type=int, default=5000)
    chaos.add_argument("--seed", type=int, default=1)
    soaking = commands.add_parser("soak", help="many short calls, a fifth cancelled; memory must stay flat")
    soaking.add_argument("--calls", type=int, default=200_000)
    parsed = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if parsed.command == "soak":
            broken = asyncio.run(_soak(Path(folder), parsed.calls))
        else:
            broken = asyncio.run(_storms(Path(folder), parsed.calls, parsed.seed))
    return 1 if broken else 0


async def _storms(folder: Path, calls: int, seed: int) -> bool:
    broken = False
    for name, weather in (
        ("providers misbehave", Weather(calls // 2, seed)),
        (
            "and callers leave, and workers are killed and paused",
            Weather(calls - calls // 2, seed + 1, cancel_share=0.2, kills=12),
        ),
    ):
        report = await storm(folder, weather)
        _show(f"{name} (seed {weather.seed})", report)
        broken = broken or bool(report.broken)
    return broken


async def _soak(folder: Path, calls: int) -> bool:
    report = await soak(folder, calls, lambda line: print(line, flush=True))
    for process, growth in report.growth.items():
        print(f"  {process:<20} {growth:+.1%} after warm-up")
    for problem in report.broken:
        print(f"  BROKEN: {problem}")
    return bool(report.broken)


def _show(name: str, report: Report) -> None:
    print(f"{name}: {dict(report.outcomes)}")
    seen, recorded = report.attempts_seen, report.attempts_recorded
    print(f"  attempts: {recorded} recorded, {seen} seen by providers; memory x {report.memory_growth}")
    for problem in report.broken[:20]:
        print(f"  BROKEN: {problem}")


if __name__ == "__main__":
    sys.exit(main())
