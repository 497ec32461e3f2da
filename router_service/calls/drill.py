"""Fallback drills: an alias's targets are made to fail, one after the other, so that each of the rest really answers.

A target that is made to fail is never asked: its attempts fail inside the router, before they are claimed, so that its
circuit and its figures stay as they are. The others answer a real prompt through their workers. An alias's chat models
get a prompt, its embedding models a text to embed: two drills, where it has both.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence, Set
from contextlib import aclosing, contextmanager

from msgspec import Struct
from msgspec.structs import replace

from router_service.calls.completion import Calls
from router_service.calls.drill_steps import (
    DEFAULT_ROUTE,
    DrillResult,
    DrillStep,
    ProblemKind,
    Verdict,
    planned_steps,
    verdict_of,
)
from router_service.calls.embedding import keep_one_model
from router_service.contracts.dispatch import AttemptOrder, Dispatcher, Refusal, RunningAttempt
from router_service.contracts.recording import CallOrigin, CallRecording, Recorder
from router_service.domain.attempt import AttemptOutcome, AttemptRecord, Failure, Usage
from router_service.domain.decision import Decision
from router_service.domain.errors import NotFound, RouterError
from router_service.domain.events import AttemptFailed, Completed
from router_service.domain.request import Request
from router_service.domain.signals import Failed
from service_common.clock import Clock
from service_common.failures import FailureClass
from service_common.vocabulary import ModelMode, Operation

DRILLED = Failure(FailureClass.UNAVAILABLE, "made to fail by a drill")
METHOD = "trunkline.admin.v1.AdminService/RunDrill"
PROMPT_FAILURES = frozenset({FailureClass.CONTEXT_EXCEEDED, FailureClass.CONTENT_FILTERED})
"""Failures that speak against the prompt: with another one the target may answer."""

OPERATIONS = {ModelMode.CHAT: Operation.COMPLETE, ModelMode.EMBEDDING: Operation.EMBED}

RequestFor = Callable[[str, Operation], Request]
"""The prompt, or the text to embed, addressed to an alias."""


class FailedAttempt:
    """Implements `RunningAttempt` for an attempt that was made to fail."""

    worker_id = ""

    def __init__(self, order: AttemptOrder, clock: Clock) -> None:
        """Settle at once."""
        self.record: AttemptRecord | None = AttemptRecord(
            decision_id=order.decision_id,
            number=order.number,
            target=order.spec.name,
            kind=order.kind,
            started_at=clock.wall(),
            outcome=AttemptOutcome(None, DRILLED, Usage(), 0.0, None, 0),
            worker_id="",
            simulated=order.spec.simulated,
            replaced=order.replaced,
        )
        self._record = self.record
        order.recording.settled(self.record)

    async def read(self) -> Sequence[Failed]:
        """The failure."""
        return (Failed(DRILLED, None),)

    def cancel(self, failure: Failure) -> AttemptRecord:
        """Without effect: it has settled."""
        return self._record


class FailingDispatcher(Struct, frozen=True):
    """Implements `Dispatcher`: fails the attempts on some targets and passes the others on."""

    dispatcher: Dispatcher
    failing: frozenset[str]
    clock: Clock

    def start(self, order: AttemptOrder) -> RunningAttempt | Refusal:
        """See `Dispatcher.start`."""
        if order.spec.name in self.failing:
            return FailedAttempt(order, self.clock)
        return self.dispatcher.start(order)


class Drills:
    """Runs drills, and remembers what each alias's newest came to."""

    def __init__(self, calls: Calls, recorder: Recorder, clock: Clock) -> None:
        """Make calls as `calls` does; each is recorded as a call of its own."""
        self._calls = calls
        self._recorder = recorder
        self._clock = clock
        self._results: dict[str, DrillResult] = {}

    @property
    def results(self) -> Sequence[DrillResult]:
        """The newest result of each alias that there is, by name."""
        known = self._chains()
        return [result for alias, result in sorted(self._results.items()) if alias in known]

    async def run(
        self, asked: Sequence[str], request_for: RequestFor, *, estimate_only: bool
    ) -> AsyncGenerator[DrillStep, None]:
        """The steps of the drill of each alias, as they are done.

        Args:
            asked: aliases; empty: all that are configured, or what calls get that name none where there is none.
            request_for: what each alias is sent.
            estimate_only: only say what each step would cost.

        Raises:
            NotFound: there is no such alias.
            InvalidRequest: the prompt cannot be routed at all.
        """
        chains = self._chains()
        for alias in asked:
            if alias not in chains:
                raise NotFound.among("alias", alias, sorted(chains))
        for alias in asked or sorted(chains) or (DEFAULT_ROUTE,):
            drill = self._drill(alias, request_for, estimate_only=estimate_only)
            async with aclosing(drill) as steps:
                async for step in steps:
                    yield step

    async def _drill(
        self, alias: str, request_for: RequestFor, *, estimate_only: bool
    ) -> AsyncGenerator[DrillStep, None]:
        planned: list[tuple[DrillStep, Request]] = []
        for operation, members in self._members(alias, request_for).items():
            request = request_for(alias, operation)
            planned += [(step, request) for step in planned_steps(alias, members, self._decide(request))]
        done: list[DrillStep] = []
        for step, request in planned:
            done.append(step if step.problem or estimate_only else await self._step(step, request))
            if len(done) == len(planned) and not estimate_only:
                done[-1] = replace(done[-1], verdict=self._judged(alias, done))
            yield done[-1]

    def _judged(self, alias: str, steps: Sequence[DrillStep]) -> Verdict:
        """The verdict on a drill; remembers its result, if it is one."""
        verdict = verdict_of(steps)
        if verdict in (Verdict.HOLDS, Verdict.FAULT):
            faults = [step.problem for step in steps if step.problem_kind is ProblemKind.FAULT]
            self._results[alias] = DrillResult(alias, self._clock.wall(), "; ".join(faults))
        elif verdict is Verdict.NO_FALLBACK:
            self._results.pop(alias, None)  # there is no chain any more, if there was one
        return verdict  # a prompt that does not suit has not drilled the chain: the result before it stands

    async def _step(self, step: DrillStep, request: Request) -> DrillStep:
        """One call in which the step's targets fail."""
        failing = FailingDispatcher(self._calls.dispatcher, frozenset(step.failed), self._clock)
        calls = replace(self._calls, dispatcher=failing)
        began = self._clock.now()
        problems: list[str] = []
        unsuited = True
        try:
            with self._recorded() as recording:
                async with aclosing(calls.stream(request, recording, None)) as events:
                    async for event in events:
                        if isinstance(event, AttemptFailed) and event.record.target not in step.failed:
                            failure = event.record.outcome.failure
                            unsuited &= failure is not None and failure.failure_class in PROMPT_FAILURES
                            problems.append(_told(event.record))
                        if isinstance(event, Completed):
                            step = replace(step, answered_by=event.target, cost=event.cost)
        except RouterError as error:
            unsuited &= bool(problems)
            problems.append(f"nobody answered: {error.headline}")
        step = replace(step, latency=self._clock.now() - began)
        if not problems:
            return step
        kind = ProblemKind.PROMPT_UNSUITED if unsuited else ProblemKind.FAULT
        return replace(step, problem="; ".join(problems), problem_kind=kind)

    def _decide(self, request: Request) -> Decision:
        with self._recorded() as recording:
            decision = self._calls.route(request, recording, None)
        return keep_one_model(decision) if request.operation is Operation.EMBED else decision

    @contextmanager
    def _recorded(self) -> Iterator[CallRecording]:
        """The recording of one of a drill's calls; it ends with the call, however that ends."""
        recording = self._recorder.call_started(CallOrigin(METHOD))
        try:
            yield recording
        except RouterError as error:
            recording.ended("UNAVAILABLE", error.message)
            raise
        except asyncio.CancelledError:
            recording.ended("CANCELLED", "the drill was ended")
            raise
        recording.ended("OK")

    def _members(self, alias: str, request_for: RequestFor) -> Mapping[Operation, Set[str]]:
        """An alias's targets by what they can be asked for; those that nobody has announced stand with the first."""
        chain = frozenset(self._chains().get(alias, ()))
        if alias == DEFAULT_ROUTE:
            return {Operation.COMPLETE: chain}
        engine = self._calls.engine()
        views = engine.targets_of(request_for(alias, Operation.COMPLETE), self._calls.table.snapshot())
        known: dict[Operation, set[str]] = {}
        for view in views:
            if view.spec.name in chain:
                known.setdefault(OPERATIONS[view.spec.mode], set()).add(view.spec.name)
        members = {operation: known[operation] for operation in OPERATIONS.values() if operation in known}
        first = next(iter(members), Operation.COMPLETE)
        members[first] = members.get(first, set()) | chain.difference(*known.values())
        return members

    def _chains(self) -> Mapping[str, tuple[str, ...]]:
        catalogue = self._calls.engine().catalogue
        return {**catalogue.aliases, **catalogue.chains}


def _told(record: AttemptRecord) -> str:
    failure = record.outcome.failure
    assert failure is not None
    return f"{record.target} failed: {failure.kind}"
