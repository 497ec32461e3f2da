"""How each target fares: its state, what its attempts came to, what it took and what it cost."""

from collections.abc import Callable, Iterator, Sequence

from router_service.domain.statistics import TargetStatistics
from router_service.domain.target import TargetView
from router_service.recording.tallies import AttemptTally
from router_service.state.table import Table
from service_common.metric_families import MetricFamily, Row, counter, gauge, histogram
from service_common.money import NANO_PER_DOLLAR
from service_common.vocabulary import TargetState

TARGET = ("target",)
SUCCESS = "success"
UNHEALTHY = "unhealthy"
"""Why a target is out for no failure class that is known: its worker cannot reach the provider."""


class TargetCollector:
    """Reads the table and what was tallied beside it. Targets that the configuration has no more are left out."""

    def __init__(self, table: Table, tally: AttemptTally) -> None:
        """Read these at each collection."""
        self._table = table
        self._tally = tally

    def collect(self) -> Iterator[MetricFamily]:
        """See `Collector.collect`."""
        views = tuple(self._table.snapshot().targets.values())
        yield from _states(views)
        statistics = self._table.statistics()
        yield from _counts(statistics)
        tallies = [((view.name,), self._tally.targets[view.name]) for view in views if view.name in self._tally.targets]
        cached = ((name, tally.cached_input_tokens) for name, tally in tallies)
        yield counter("cached_input_tokens", "Input tokens that the provider had cached", TARGET, cached)
        reasoning = ((name, tally.reasoning_tokens) for name, tally in tallies)
        yield counter("reasoning_tokens", "Output tokens spent on reasoning", TARGET, reasoning)
        first_tokens = ((name, tally.first_tokens) for name, tally in tallies)
        yield histogram("first_token_seconds", "From dispatch to the first piece of the answer", TARGET, first_tokens)
        answers = ((name, tally.answers) for name, tally in tallies)
        yield histogram("answer_seconds", "From dispatch to the end of a whole answer", TARGET, answers)


def _states(views: Sequence[TargetView]) -> Iterator[MetricFamily]:
    facts = ("target", "backend", "provider", "simulated")
    yield gauge("target_info", "What the target is; always 1", facts, map(_facts, views))
    states: Iterator[Row] = (((view.name, each.label), view.state is each) for view in views for each in TargetState)
    yield gauge("target_state", "1 for the state that the target is in", ("target", "state"), states)
    out = (((view.name, _outage(view)), 1) for view in views if view.state is TargetState.OUT)
    yield gauge(
        "target_out", "1 while the target is out; auth and quota_exhausted need a person", ("target", "reason"), out
    )
    yield _each("in_flight", "Attempts of this router that have not ended", views, lambda view: view.in_flight)
    yield _each("target_capacity", "Attempts that may run at once", views, lambda view: view.capacity)
    yield _each("target_health", "0.7 success rate + 0.3 speed, 0 to 1", views, lambda view: view.metrics.health)
    known = (((view.name,), view.rate_limit_left) for view in views if view.rate_limit_left is not None)
    yield gauge("rate_limit_left_ratio", "Left of the provider's own rate limit, where it says so", TARGET, known)


def _outage(view: TargetView) -> str:
    return UNHEALTHY if view.outage is None else view.outage.label


def _facts(view: TargetView) -> Row:
    spec = view.spec
    return (spec.name, spec.backend, spec.provider, str(spec.simulated).lower()), 1


def _each(name: str, text: str, views: Sequence[TargetView], read: Callable[[TargetView], float]) -> MetricFamily:
    return gauge(name, text, TARGET, (((view.name,), read(view)) for view in views))


def _counts(statistics: Sequence[TargetStatistics]) -> Iterator[MetricFamily]:
    text = "Settled attempts of calls by outcome: success, or the failure's class"
    yield counter("attempts", text, ("target", "outcome"), _outcomes(statistics))
    tokens: Iterator[Row] = (
        ((each.target, kind), amount)
        for each in statistics
        for kind, amount in (("input", each.input_tokens), ("output", each.output_tokens))
    )
    yield counter("tokens", "Tokens of prompts and answers", ("target", "kind"), tokens)
    costs = (((each.target,), each.spent / NANO_PER_DOLLAR) for each in statistics)
    yield counter("cost_dollars", "What the target's attempts cost, the router's own included", TARGET, costs)


def _outcomes(statistics: Sequence[TargetStatistics]) -> Iterator[Row]:
    for each in statistics:
        yield (each.target, SUCCESS), each.successes
        for failure_class, count in each.failures.items():
            yield (each.target, failure_class.label), count
