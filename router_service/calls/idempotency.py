"""Calls with an idempotency key: a repeat joins the running call or gets its answer, and nothing is done twice."""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial

from msgspec import Struct

from router_service.calls.kept_call import BEGAN_ANEW, Deltas, KeptCall, OutlivedRecording, ended_early
from router_service.contracts.answers import KeptAnswer, SharedAnswers
from router_service.contracts.recording import CallRecording
from router_service.domain.errors import CallFailed, DeadlinePassed, Exhausted, KeyReused
from router_service.domain.events import CallEvent, DecisionMade, StreamReset
from router_service.domain.request import Request
from service_common.clock import Clock
from service_common.deadline import Deadline
from service_common.vocabulary import Sensitivity, StreamRecovery

log = logging.getLogger(__name__)

RESETTING = (StreamRecovery.RESET, StreamRecovery.CONTINUE_OR_RESET)
RETRY_AFTER = 1.0
CLOSE_TIMEOUT = 2.0
"""Seconds that cancelled calls get to end."""

Stream = Callable[[Request, CallRecording, float | None], AsyncGenerator[CallEvent, None]]


class IdempotencySettings(Struct, frozen=True):
    """Times in seconds, memory in bytes; see `IdempotencySection`."""

    ttl: float
    grace: float
    entries: int
    memory: int


@dataclass(slots=True)
class IdempotencyCounts:
    """Since the start. `joined`: repeats of a running call; `replayed`: of one that ended, here or elsewhere."""

    begun: int = 0
    joined: int = 0
    replayed: int = 0
    refused: int = 0
    abandoned: int = 0


class IdempotentCalls:
    """Calls by tenant and key. Bounded in number and memory: the oldest answers are forgotten first."""

    def __init__(
        self, stream: Stream, clock: Clock, settings: IdempotencySettings, shared: SharedAnswers | None = None
    ) -> None:
        """Carry calls out with `stream`; look for earlier answers in `shared`, too, where there is one."""
        self._stream = stream
        self._clock = clock
        self._settings = settings
        self._shared = shared
        self.counts = IdempotencyCounts()
        self._running: dict[tuple[str, str], KeptCall] = {}
        self._answers: OrderedDict[tuple[str, str], tuple[float, KeptCall]] = OrderedDict()
        self._memory = 0
        self._tasks: dict[KeptCall, asyncio.Task[None]] = {}
        self._graces: dict[KeptCall, asyncio.TimerHandle] = {}

    @property
    def kept(self) -> int:
        """Calls that are kept, running ones included."""
        return len(self._running) + len(self._answers)

    def stream(
        self, request: Request, recording: CallRecording, time_left: float | None
    ) -> AsyncGenerator[CallEvent, None]:
        """As `Calls.stream`; with an idempotency key the call of that key, whoever began it.

        Raises:
            KeyReused: the key belongs to another request.
            RouterError: no answer can be given.
        """
        if not request.idempotency_key:
            return self._stream(request, recording, time_left)
        return self._joined(request, recording, time_left)

    async def close(self) -> None:
        """End the calls that nobody waits for any more, and those that somebody does, within `CLOSE_TIMEOUT`."""
        tasks = tuple(self._tasks.values())
        for task in tasks:
            task.cancel()
        if tasks:
            _, deaf = await asyncio.wait(tasks, timeout=CLOSE_TIMEOUT)
            if deaf:
                log.warning("%d call(s) did not end within %g s of being cancelled", len(deaf), CLOSE_TIMEOUT)
        for grace in self._graces.values():
            grace.cancel()
        self._graces.clear()

    async def _joined(
        self, request: Request, recording: CallRecording, time_left: float | None
    ) -> AsyncGenerator[CallEvent, None]:
        """Follow the running call; where its first caller's deadline ends it before this caller's, begin anew."""
        key = (request.tenant, request.idempotency_key)
        deadline = None if time_left is None else Deadline.after(self._clock, time_left)
        may_reset = request.options.stream_recovery in RESETTING
        shown = False
        while (call := self._find(key, request)) is not None:
            self._end_grace(call)
            try:
                async with aclosing(call.follow(deadline, may_reset=may_reset)) as events:
                    async for event in events:
                        shown = shown or isinstance(event, Deltas)
                        yield event
                return
            except DeadlinePassed:
                if not call.ended or (deadline is not None and deadline.passed(self._clock)):
                    raise
            if shown and not may_reset:
                raise CallFailed(BEGAN_ANEW)
            if shown:
                shown = False
                yield StreamReset(restart=True, failed_target="", valid_characters=0)
        left = None if deadline is None else deadline.left(self._clock)
        async with aclosing(self._first(key, request, OutlivedRecording(recording), left)) as events:
            async for event in events:
                yield event

    async def _first(
        self, key: tuple[str, str], request: Request, recording: OutlivedRecording, time_left: float | None
    ) -> AsyncGenerator[CallEvent, None]:
        """Begin the call of a key, and follow it until it ends, which it does with this caller's deadline."""
        call = self._begin(key, request, recording, time_left)
        try:
            async with aclosing(call.follow(None, may_reset=request.options.stream_recovery in RESETTING)) as events:
                async for event in events:
                    yield event
        finally:
            recording.outlive()

    def _find(self, key: tuple[str, str], request: Request) -> KeptCall | None:
        """The call of a key, running or answered; None: there is none.

        Raises:
            KeyReused: it is another request's.
        """
        self._forget_old()
        running = self._running.get(key)
        answered = self._answers.get(key)
        call = running or (answered[1] if answered else None)
        if call is None:
            return None
        self._check(call.fingerprint, request)
        if running is not None:
            self.counts.joined += 1
        else:
            self.counts.replayed += 1
        return call

    def _check(self, fingerprint: bytes, request: Request) -> None:
        if fingerprint != request.fingerprint:
            self.counts.refused += 1
            raise KeyReused(
                f'the idempotency key "{request.idempotency_key}" belongs to another request; '
                "repeat that one unchanged, or take a new key"
            )

    def _begin(
        self, key: tuple[str, str], request: Request, recording: CallRecording, time_left: float | None
    ) -> KeptCall:
        if self.kept >= self._settings.entries:
            if not self._answers:
                raise Exhausted(
                    f"{self.kept} calls with an idempotency key run already, which is as many as may",
                    retry_after=RETRY_AFTER,
                )
            self._drop(next(iter(self._answers)))
        self.counts.begun += 1
        call = self._running[key] = KeptCall(request.fingerprint, self._clock, partial(self._begin_grace, key))
        task = self._tasks[call] = asyncio.create_task(self._run(key, call, request, recording, time_left))
        task.add_done_callback(partial(self._ended, key, call))
        return call

    async def _run(
        self,
        key: tuple[str, str],
        call: KeptCall,
        request: Request,
        recording: CallRecording,
        time_left: float | None,
    ) -> None:
        earlier = None if self._shared is None else await self._shared.find(_shared_key(key))
        if earlier is None:
            await call.carry_out(self._stream(request, recording, time_left))
        else:
            self.counts.replayed += 1
            await call.carry_out(self._replay(earlier, request))
        self._no_longer_running(key, call)
        if call.whole:
            self._keep(key, call)
            if self._shared is not None and earlier is None and not _is_confidential(call):
                await self._shared.keep(
                    _shared_key(key), KeptAnswer(call.fingerprint, tuple(call.events)), self._settings.ttl
                )

    def _no_longer_running(self, key: tuple[str, str], call: KeptCall) -> None:
        self._end_grace(call)
        if self._running.get(key) is call:
            del self._running[key]

    def _ended(self, key: tuple[str, str], call: KeptCall, task: asyncio.Task[None]) -> None:
        """However a call's task ended, and if it never began: nobody joins the call any more, or waits for it."""
        self._tasks.pop(call, None)
        self._no_longer_running(key, call)
        if not call.ended:
            call.give_up(ended_early() if task.cancelled() else task.exception() or ended_early())

    async def _replay(self, answer: KeptAnswer, request: Request) -> AsyncGenerator[CallEvent, None]:
        self._check(answer.fingerprint, request)
        for event in answer.events:
            yield event

    # ------------------------------------------------------------------------------------------ keeping and forgetting

    def _keep(self, key: tuple[str, str], call: KeptCall) -> None:
        if call.size > self._settings.memory:
            return
        self._answers[key] = (self._clock.now() + self._settings.ttl, call)
        self._memory += call.size
        while self._memory > self._settings.memory:
            self._drop(next(iter(self._answers)))

    def _forget_old(self) -> None:
        now = self._clock.now()
        while self._answers:
            key = next(iter(self._answers))
            if self._answers[key][0] > now:
                return
            self._drop(key)

    def _drop(self, key: tuple[str, str]) -> None:
        _, call = self._answers.pop(key)
        self._memory -= call.size

    def _begin_grace(self, key: tuple[str, str], call: KeptCall) -> None:
        """Its last caller has left: it goes on for a while, so that a repeat finds it."""
        if call in self._tasks:
            self._graces[call] = asyncio.get_running_loop().call_later(self._settings.grace, self._abandon, key, call)

    def _end_grace(self, call: KeptCall) -> None:
        grace = self._graces.pop(call, None)
        if grace is not None:
            grace.cancel()

    def _abandon(self, key: tuple[str, str], call: KeptCall) -> None:
        task = self._tasks.get(call)
        if task is not None and not call.readers:
            self.counts.abandoned += 1
            self._no_longer_running(key, call)  # a repeat begins anew rather than joins what is being cancelled
            task.cancel()


def _is_confidential(call: KeptCall) -> bool:
    """Whether the answer must not leave this process."""
    decisions = (event.decision for event in call.events if isinstance(event, DecisionMade))
    return any(decision.classification.sensitivity is Sensitivity.CONFIDENTIAL for decision in decisions)


def _shared_key(key: tuple[str, str]) -> str:
    """The tenant's name cannot run into the key: its length stands before it."""
    tenant, own = key
    return f"{len(tenant)}:{tenant}:{own}"
