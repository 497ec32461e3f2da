"""How calls fare, and what the router does beside them: waiting, hedging, repeats, probes, drills."""

from collections.abc import Iterator
from dataclasses import asdict

from msgspec import Struct

from router_service.calls.drill import Drills
from router_service.calls.idempotency import IdempotentCalls
from router_service.calls.waiting import WaitingRoom
from router_service.dispatch.hedging import HedgeBudgets
from router_service.recording.tallies import AttemptTally
from router_service.server.handling import CallBoundary
from service_common.metric_families import MetricFamily, Row, counter, gauge, histogram
from service_common.vocabulary import AttemptKind, Operation


class CallCollector(Struct, frozen=True):
    """Reads what the servicers' boundary counts."""

    boundary: CallBoundary

    def collect(self) -> Iterator[MetricFamily]:
        """See `Collector.collect`. The procedure alone is the label: no two services share a name."""
        tally = self.boundary.tally
        ended: Iterator[Row] = (((_short(method), code), count) for (method, code), count in tuple(tally.ended.items()))
        yield counter("calls", "Calls that ended, by gRPC status", ("method", "code"), ended)
        durations = (((_short(method),), each) for method, each in tuple(tally.durations.items()))
        yield histogram("call_seconds", "From a call's arrival to its status", ("method",), durations)
        yield gauge("calls_in_flight", "Calls in progress", (), [((), self.boundary.active)])


class DispatchCollector(Struct, frozen=True):
    """Reads what is counted on a call's way to the workers."""

    tally: AttemptTally
    hedges: HedgeBudgets
    room: WaitingRoom
    repeats: IdempotentCalls

    def collect(self) -> Iterator[MetricFamily]:
        """See `Collector.collect`."""
        kinds: Iterator[Row] = (
            ((kind.label, str(answered).lower()), count) for (kind, answered), count in tuple(self.tally.kinds.items())
        )
        yield counter("attempts_by_kind", "Why attempts were made, and who answered", ("kind", "answered"), kinds)
        yield from self._hedges()
        yield from self._waiting()
        repeats: Iterator[Row] = (((name,), count) for name, count in asdict(self.repeats.counts).items())
        text = "Calls with an idempotency key: begun, or repeats by what became of them"
        yield counter("idempotent_calls", text, ("outcome",), repeats)
        yield gauge("idempotent_calls_kept", "Such calls that a repeat would find", (), [((), self.repeats.kept)])
        upkeep: Iterator[Row] = (
            ((_upkeep(operation), "success" if failure is None else failure.label), count)
            for (operation, failure), count in tuple(self.tally.upkeep.items())
        )
        yield counter("upkeep", "The router's own attempts: probes, warm-ups, pulls", ("operation", "outcome"), upkeep)

    def _hedges(self) -> Iterator[MetricFamily]:
        budgets = tuple(self.hedges.by_profile.items())
        profile = ("profile",)
        started = (((name,), budget.hedged) for name, budget in budgets)
        yield counter("hedges_started", "Second attempts beside a slow one", profile, started)
        refused = (((name,), budget.denied) for name, budget in budgets)
        yield counter("hedges_refused", "Slow attempts that the budget let no second one join", profile, refused)
        won = self.tally.kinds[AttemptKind.HEDGE, True]
        yield counter("hedges_won", "Second attempts that gave the answer", (), [((), won)])

    def _waiting(self) -> Iterator[MetricFamily]:
        counts = self.room.counts
        yield gauge("waiting_calls", "Calls that wait for a free target", (), [((), self.room.waiting)])
        yield counter("waited_calls", "Calls that had to wait", (), [((), counts.waited)])
        yield counter("waited_seconds", "Of all waits together", (), [((), counts.waited_seconds)])
        yield counter("waiting_refused", "Calls that found the waiting room full", (), [((), counts.refused)])
        yield counter("waiting_timed_out", "Calls that waited in vain", (), [((), counts.timed_out)])


class DrillCollector(Struct, frozen=True):
    """Reads what the newest drill of each alias came to."""

    drills: Drills

    def collect(self) -> Iterator[MetricFamily]:
        """See `Collector.collect`."""
        results = self.drills.results
        alias = ("alias",)
        holds = (((result.alias,), not result.problem) for result in results)
        yield gauge("drill_holds", "1 if the alias's chain held in its newest drill", alias, holds)
        times = (((result.alias,), result.drilled_at.timestamp()) for result in results)
        yield gauge("drill_timestamp_seconds", "When that was; age: time() - this", alias, times)


def _short(method: str) -> str:
    return method.rpartition("/")[2]


def _upkeep(operation: Operation) -> str:
    """A prompt that the router sends for a target's sake is a probe that costs something."""
    return "paid_probe" if operation is Operation.COMPLETE else operation.label
