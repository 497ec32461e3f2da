"""The asyncio shell of the attempt machine: carries out its instructions and feeds it what the workers say."""

import asyncio
from collections.abc import AsyncGenerator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from random import Random

from router_service.contracts.dispatch import LONGEST_PREFILL, AttemptOrder, Dispatcher, Refusal, RunningAttempt
from router_service.contracts.engine import Hop
from router_service.contracts.recording import AttemptRecording
from router_service.dispatch.attempt_machine import AttemptMachine
from router_service.dispatch.attempt_plan import (
    Cancel,
    FailCall,
    Finish,
    Instruction,
    Reset,
    Start,
)
from router_service.dispatch.endings import completed, failed, spent
from router_service.dispatch.planned_call import PlannedCall
from router_service.dispatch.seam import SeamCleaner
from router_service.domain.attempt import AttemptRecord, Usage
from router_service.domain.decision import Rejection
from router_service.domain.errors import RouterError
from router_service.domain.events import (
    AttemptFailed,
    AttemptStarted,
    CallEvent,
    Delta,
    ReasoningDelta,
    StreamReset,
    TextDelta,
    ToolCallDelta,
    UsageReported,
)
from router_service.domain.signals import AttemptSignal, Failed, Finished
from router_service.domain.target import TargetSpec
from service_common.clock import Clock
from service_common.moving_timeout import MovingTimeout
from service_common.vocabulary import AttemptKind, StreamRecovery

CONTINUING = (StreamRecovery.CONTINUE, StreamRecovery.CONTINUE_OR_RESET)


@dataclass(slots=True)
class AttemptLoop:
    """The attempts of one call, carried out. `events()` is to be iterated once, and closed."""

    call: PlannedCall
    dispatcher: Dispatcher
    clock: Clock
    random: Random
    _machine: AttemptMachine = field(init=False)
    _timeout: MovingTimeout = field(init=False, default_factory=MovingTimeout)
    _running: dict[int, RunningAttempt] = field(init=False, default_factory=dict)
    _trying: dict[int, str] = field(init=False, default_factory=dict)
    _readers: dict[int, asyncio.Task[Sequence[AttemptSignal]]] = field(init=False, default_factory=dict)
    _records: list[AttemptRecord] = field(init=False, default_factory=list)
    _skipped: list[Rejection] = field(init=False, default_factory=list)
    _at_capacity: bool = field(init=False, default=False)
    _answer: tuple[AttemptRecord, Finished] | None = field(init=False, default=None)
    _usage_told: Usage | None = field(init=False, default=None)
    _keeps_text: bool = field(init=False)
    _shown: list[str] = field(init=False, default_factory=list)
    _shown_bytes: int = field(init=False, default=0)
    _seam: SeamCleaner | None = field(init=False, default=None)
    _error: RouterError | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        """Make the machine."""
        call = self.call
        limits = call.profile.attempts
        self._machine = AttemptMachine(call.plan, limits, call.deadline.at, call.recovery, self.random)
        self._keeps_text = call.recovery in CONTINUING or call.recording.wants_content

    async def events(self) -> AsyncGenerator[CallEvent, None]:
        """The call's events after the decision; the last is `Completed`.

        Raises:
            RouterError: no answer can be given; it carries the log of every attempt.
        """
        try:
            for told in self._carry_out(self._machine.begin(self.clock.now())):
                yield told
            while self._answer is None and self._error is None:
                number, signals = await self._wait()
                for told in self._take(number, signals, self.clock.now()):
                    yield told
                self._machine.resumed(self.clock.now())
            if self._error is not None:
                raise self._error
            assert self._answer is not None
            event = completed(self.call, *self._answer, self._records, self.clock.now())
            self.call.recording.completed(event, "".join(self._shown) if self.call.recording.wants_content else "")
            yield event
        finally:
            for _ in self._carry_out(self._machine.abandoned()):
                pass  # nobody listens any more; the attempts are cancelled and settle by themselves
            for reader in self._readers.values():
                reader.cancel()
            self._timeout.close()

    # ------------------------------------------------------------------------------------------ waiting

    async def _wait(self) -> tuple[int, Sequence[AttemptSignal]]:
        """The next signals of any attempt; number 0 where the machine's time came first."""
        left = max(0.0, self._machine.wake_at - self.clock.now())
        if len(self._running) == 1 and not self._readers:
            [(number, attempt)] = self._running.items()
            try:
                async with self._timeout.until(asyncio.get_running_loop().time() + left):
                    return number, await attempt.read()
            except TimeoutError:
                return 0, ()
        if not self._running:
            await asyncio.sleep(left)
            return 0, ()
        return await self._wait_for_any(left)

    async def _wait_for_any(self, left: float) -> tuple[int, Sequence[AttemptSignal]]:
        """As `_wait`, while several attempts run: each has a reader task that survives the wait."""
        for number, attempt in self._running.items():
            if number not in self._readers:
                self._readers[number] = asyncio.ensure_future(attempt.read())
        done, _ = await asyncio.wait(self._readers.values(), timeout=left, return_when=asyncio.FIRST_COMPLETED)
        for number, reader in self._readers.items():
            if reader in done:
                del self._readers[number]
                return number, reader.result()
        return 0, ()

    # ------------------------------------------------------------------------------------------ signals in

    def _take(self, number: int, signals: Sequence[AttemptSignal], now: float) -> Iterator[CallEvent]:
        if number == 0:
            yield from self._carry_out(self._machine.tick(now))
        for signal in signals:
            if number not in self._running:
                return
            yield from self._take_one(number, signal, now)

    def _take_one(self, number: int, signal: AttemptSignal, now: float) -> Iterator[CallEvent]:
        match signal:
            case TextDelta() | ReasoningDelta() | ToolCallDelta():
                instructions = self._machine.progressed(number, now, tool_call=type(signal) is ToolCallDelta)
                if instructions:
                    yield from self._carry_out(instructions)
                yield from self._show(signal)
            case Usage():
                self._usage_told = signal
                yield UsageReported(signal)
            case Finished():
                attempt = self._running.pop(number)
                if self._seam is not None:
                    yield from self._pass_on(self._seam.rest())
                if signal.usage is not None and signal.usage != self._usage_told:
                    yield UsageReported(signal.usage)
                self._answer = (self._settled(attempt), signal)
                yield from self._carry_out(self._machine.succeeded(number))
            case Failed():
                self._usage_told = None
                attempt = self._running.pop(number)
                yield AttemptFailed(self._settled(attempt))
                yield from self._carry_out(self._machine.failed(number, signal.failure, now))

    def _show(self, delta: Delta) -> Iterator[CallEvent]:
        """Pass a piece of the answer on, without what a continuation repeats."""
        if self._seam is not None and isinstance(delta, TextDelta):
            return self._pass_on(self._seam.clean(delta))
        return self._pass_on((delta,))

    def _pass_on(self, pieces: Iterable[Delta]) -> Iterator[CallEvent]:
        """Keep the text where it may have to be continued, or is wanted by the recording."""
        for piece in pieces:
            if self._keeps_text and isinstance(piece, TextDelta):
                self._keep(piece.text)
            yield piece

    def _keep(self, text: str) -> None:
        """Keep what was shown; what is too long cannot be continued."""
        self._shown.append(text)
        self._shown_bytes += len(text.encode("utf-8", "replace"))
        if self._shown_bytes > LONGEST_PREFILL:
            self._machine.outgrown()

    def _settled(self, attempt: RunningAttempt) -> AttemptRecord:
        record = attempt.record
        if record is None:
            raise AssertionError("an attempt that told its end has settled")
        self._records.append(record)
        return record

    # ------------------------------------------------------------------------------------------ instructions out

    def _carry_out(self, instructions: Sequence[Instruction]) -> Iterator[CallEvent]:
        pending = list(instructions)
        while pending:
            match pending.pop(0):
                case Start() as start:
                    event = self._start(start)
                    if isinstance(event, AttemptStarted):
                        yield event
                    else:
                        pending = [*self._machine.refused(start.number, self.clock.now(), event), *pending]
                case Cancel(number, failure):
                    attempt = self._running.pop(number, None)
                    if attempt is None:
                        continue  # the caller left just as it ended, or before it was started
                    record = attempt.cancel(failure)
                    self._drop_reader(number)
                    self._records.append(record)
                    if not record.outcome.cancelled:
                        yield AttemptFailed(record)
                case Reset(failed_target, restart):
                    yield self._reset(failed_target, restart=restart)
                case Finish():
                    pass  # the answer was kept when its last signal came
                case FailCall() as failure:
                    now, at_capacity = self.clock.now(), self._at_capacity
                    self._error = failed(self.call, failure, self._records, self._skipped, now, at_capacity=at_capacity)

    def _start(self, start: Start) -> AttemptStarted | float | None:
        """Start an attempt; where it is refused: seconds until it may help to ask again, None where not known."""
        call = self.call
        tried = frozenset(record.target for record in self._records)
        hop = Hop(call.deadline.left(self.clock), spent(self._records) + self._at_stake, tried)
        spec = call.admit(start.target, hop)
        if isinstance(spec, TargetSpec) and start.kind is AttemptKind.HEDGE and not call.hedges.allows():
            spec = Rejection(start.target, "hedge_budget", "the hedges that the profile allows are used up")
        if isinstance(spec, Rejection):
            self._skipped.append(spec)
            return None
        number = len(self._records) + len(self._running) + 1
        recording = call.recording.attempt_started(call.decision, number, spec, start.kind, start.replaced)
        order = self._order(start, number, spec, recording)
        attempt = self.dispatcher.start(order)
        if isinstance(attempt, Refusal):
            recording.withdrawn(attempt.reason)
            self._at_capacity = self._at_capacity or attempt.at_capacity
            self._skipped.append(Rejection(start.target, "claim", attempt.reason))
            return attempt.retry_after
        self._running[start.number] = attempt
        self._trying[start.number] = start.target
        if start.kind is AttemptKind.HEDGE:
            call.hedges.spend()
        elif number == 1:
            call.hedges.earn()
        self._machine.started(start.number, self.clock.now())
        if start.prefill:
            self._seam = SeamCleaner("".join(self._shown))
        return AttemptStarted(number, start.target, start.kind, spec.simulated)

    def _order(self, start: Start, number: int, spec: TargetSpec, recording: AttemptRecording) -> AttemptOrder:
        call, request = self.call, self.call.request
        return AttemptOrder(
            decision_id=call.decision.decision_id,
            number=number,
            kind=start.kind,
            spec=spec,
            operation=request.operation,
            body=request.body,
            sensitivity=call.decision.classification.sensitivity,
            deadline=call.deadline,
            first_token_timeout=call.profile.attempts.per_attempt_timeout,
            idle_timeout=call.profile.attempts.idle_timeout,
            recording=recording,
            whole=request.whole,
            input_tokens=self._expected_tokens(start.target),
            output_tokens=call.decision.classification.expected_output_tokens,
            comparable=not (request.images or request.files or start.prefill),
            prefill="".join(self._shown) if start.prefill else "",
            tenant=request.tenant,
            task=call.decision.classification.task.label,
            replaced=start.replaced,
            circuit_waived=call.decision.circuit_waived,
        )

    def _expected_tokens(self, target: str) -> int:
        """Tokens of the prompt as the target counts them."""
        expectation = self.call.decision.expectations.get(target)
        return self.call.decision.classification.input_tokens if expectation is None else expectation.input_tokens

    def _reset(self, failed_target: str, *, restart: bool) -> StreamReset:
        if restart:
            self._shown.clear()
            self._shown_bytes = 0
            self._seam = None
        return StreamReset(restart, failed_target, sum(map(len, self._shown)))

    def _drop_reader(self, number: int) -> None:
        reader = self._readers.pop(number, None)
        if reader is not None:
            reader.cancel()

    # ------------------------------------------------------------------------------------------ money

    @property
    def _at_stake(self) -> int:
        """Nano-dollars that the running attempts are expected to cost; those of unknown price count as free."""
        expectations = self.call.decision.expectations
        running = (expectations.get(self._trying[number]) for number in self._running)
        return sum(expected.cost or 0 for expected in running if expected is not None)
