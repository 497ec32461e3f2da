"""How long a decision takes: classification, all filters, five scorers. Prints a table; gates nothing.

    python -m tests.bench.bench_decide [--profile]

Each figure is the median of many decisions on one core. Goals: 10 targets 100 us and 50 targets 300 us for a prompt of
1 KB, 50 targets 400 us for 32 KB. With --profile, where the time goes.
"""

import argparse
import cProfile
import pstats
import time
from collections.abc import Sequence
from random import Random
from statistics import median

from router_service.domain.target import TargetView
from tests.support.routing import ask, engine_for, price, snapshot, spec, view, with_profile

PROSE = (
    "Our support team received the following message from a customer who bought two tickets last week and "
    "could not use them because the concert was moved to another city. "
)
MODELS = ("gpt-4o-mini", "claude-sonnet-4", "gemini-2.5-flash", "llama-3.3-70b", "mistral-large", "qwen3-32b")
SCORERS = {"quality": 0.4, "cost": 0.2, "latency": 0.2, "load": 0.1, "success_rate": 0.1}
GOALS = {(10, 1): 100, (50, 1): 300, (50, 32): 400}


def targets(count: int) -> list[TargetView]:
    """Targets with measurements, of all families."""
    random = Random(1)
    return [
        view(
            spec(
                f"backend{index % 7}/{MODELS[index % len(MODELS)]}-{index}",
                quality=random.random(),
                price=price(random.random() * 3, random.random() * 15),
            ),
            {
                "samples": 100,
                "success_rate": 0.9 + random.random() / 10,
                "first_token": random.random(),
                "tokens_per_second": 20 + 100 * random.random(),
                "latency": 2.0,
            },
            in_flight=index % 5,
        )
        for index in range(count)
    ]


def prompt(kilobytes: int) -> str:
    """Prose of that length that ends with a question."""
    return (PROSE * (1 + kilobytes * 1024 // len(PROSE)))[
        : kilobytes * 1024 - 40
    ] + "\nSummarize what the customer asks us for."


def measure(count: int, kilobytes: int, *, repeated: bool = False) -> float:
    """Median microseconds of a decision; `repeated`: the same prompt again and again, so that the cache answers."""
    views = targets(count)
    random = Random(2)
    engine = engine_for(views, random=random, profiles=with_profile("five", scorers=SCORERS))
    table = snapshot(*views)
    text = prompt(kilobytes)
    requests = [ask(text if repeated else f"{number} {text}", profile="five") for number in range(500)]
    times = []
    for request in requests:
        began = time.perf_counter()
        engine.decide(request, table, 60.0)
        times.append(time.perf_counter() - began)
    return median(times) * 1e6


def profiled(count: int, kilobytes: int) -> None:
    """Where the time goes."""
    views = targets(count)
    random = Random(2)
    engine = engine_for(views, random=random, profiles=with_profile("five", scorers=SCORERS))
    table = snapshot(*views)
    requests = [ask(f"{number} {prompt(kilobytes)}", profile="five") for number in range(2000)]
    profiler = cProfile.Profile()
    profiler.enable()
    for request in requests:
        engine.decide(request, table, 60.0)
    profiler.disable()
    pstats.Stats(profiler).sort_stats("tottime").print_stats(25)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--profile", action="store_true", help="show where the time goes")
    if parser.parse_args(arguments).profile:
        profiled(50, 1)
        return
    print(f"{'targets':>8} {'prompt':>8} {'new':>10} {'repeated':>10} {'goal':>10}")  # noqa: T201
    for count in (1, 4, 10, 50, 100):
        for kilobytes in (1, 32):
            goal = GOALS.get((count, kilobytes))
            new = measure(count, kilobytes)
            again = measure(count, kilobytes, repeated=True)
            print(  # noqa: T201
                f"{count:>8} {kilobytes:>5} KB {new:>7.0f} us {again:>7.0f} us {f'{goal} us' if goal else '':>10}"
            )


if __name__ == "__main__":
    main()
