"""One attempt as the router holds it: what arrived, who waits for it, what it came to."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus

from msgspec.structs import replace

from router_service.contracts.dispatch import AttemptOrder
from router_service.contracts.link import Claim, SessionLink
from router_service.dispatch.credit import CREDIT_WINDOW, CreditLine, delta_size
from router_service.domain.attempt import AttemptOutcome, AttemptRecord, Failure, Usage
from router_service.domain.events import Delta, ReasoningDelta, TextDelta, ToolCallDelta
from router_service.domain.signals import AttemptSignal, Failed, Finished, PullProgressed, Responded
from router_service.domain.worker import WorkerHello
from service_common.failures import POLICIES
from service_common.tokens import estimate_text, family_of

SAMPLE = 2_048
"""Characters of an answer that are kept, so that its tokens can be estimated where no usage is reported."""

JOIN_AFTER = 256
"""Pieces of text that wait before they are joined, so that many tiny ones cost little memory."""

MOST_WAITING = 2 * CREDIT_WINDOW
"""Signals that may wait unread, also where they cost no credit."""


@dataclass(slots=True)
class AttemptHome:
    """The part of a worker's session that its attempts need. `attempts`: those that have not settled."""

    hello: WorkerHello
    link: SessionLink
    attempts: "dict[int, Attempt]" = field(default_factory=dict)


class Attempt:
    """Implements `RunningAttempt`; the registry owns it and settles it."""

    __slots__ = (
        "_characters",
        "_credit",
        "_ended",
        "_on_cancel",
        "_sample",
        "_text",
        "_text_head",
        "_waiter",
        "_waiting",
        "attempt_id",
        "cancel_due",
        "claim",
        "first_token_at",
        "home",
        "order",
        "record",
        "reported_usage",
        "started",
        "started_at",
        "stopping",
    )

    def __init__(
        self,
        attempt_id: int,
        order: AttemptOrder,
        home: AttemptHome,
        claim: Claim,
        started: tuple[float, datetime],
        on_cancel: "Callable[[Attempt, Failure], AttemptRecord]",
    ) -> None:
        """Begin at `started` (monotonic seconds, date and time)."""
        self.attempt_id = attempt_id
        self.order = order
        self.home = home
        self.claim = claim
        self.started, self.started_at = started
        self.record: AttemptRecord | None = None
        self.stopping: Failure | None = None
        self.cancel_due = 0.0
        self.first_token_at: float | None = None
        self.reported_usage: Usage | None = None
        self._on_cancel = on_cancel
        self._credit = CreditLine()
        self._waiting: list[AttemptSignal] = []
        self._text: list[str] = []
        self._text_head: Delta = TextDelta("")
        self._waiter: asyncio.Future[None] | None = None
        self._characters = 0
        self._sample = ""
        self._ended = False

    @property
    def worker_id(self) -> str:
        """The worker that runs it."""
        return self.home.hello.worker_id

    @property
    def wanted(self) -> bool:
        """Whether a call waits for its answer."""
        return self.stopping is None and not self.order.upkeep

    async def read(self) -> Sequence[AttemptSignal]:
        """See `RunningAttempt.read`.

        Raises:
            RuntimeError: its last signal was read already, or somebody else is reading.
        """
        if self._ended:
            raise RuntimeError(f"attempt {self.attempt_id} has ended: there is nothing more to read")
        if not self._waiting and not self._text:
            if self._waiter is not None:
                raise RuntimeError(f"attempt {self.attempt_id} is being read already")
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        return self._take()

    def cancel(self, failure: Failure) -> AttemptRecord:
        """See `RunningAttempt.cancel`."""
        return self._on_cancel(self, failure)

    def accept(self, signal: AttemptSignal, now: float) -> bool:
        """Keep what the worker said (but not its last word) for the reader.

        Returns:
            False where the worker sent more than it may: the attempt cannot go on.
        """
        kind = type(signal)
        if kind is TextDelta or kind is ReasoningDelta or kind is ToolCallDelta:
            if self.first_token_at is None:
                self.first_token_at = now
            return self._accept_delta(signal)  # type: ignore[arg-type]  # the three kinds of Delta
        if isinstance(signal, Usage):
            self.reported_usage = signal
        if self.stopping is not None:
            return True
        self._close_text()
        if self._waiting and _replaces(signal, self._waiting[-1]):
            self._waiting[-1] = signal
        else:
            self._waiting.append(signal)
        if kind is not Responded:  # that alone is nothing to act on
            self._wake()
        return len(self._waiting) <= MOST_WAITING

    def finish(self, record: AttemptRecord, last: Finished | Failed) -> None:
        """Note what it came to and hand the last word to the reader."""
        self.record = record
        self._close_text()
        self._waiting.append(last)
        self._wake()

    def outcome(self, last: Finished | Failed, now: float) -> AttemptOutcome:
        """What the attempt comes to if `last` is its last word and comes `now`."""
        answer, failure = (last.answer, None) if isinstance(last, Finished) else (None, last.failure)
        usage = last.usage or self._usage_without_report(failure)
        price = self.order.spec.price
        cost = 0 if price is None else price.cost(usage.input_tokens, usage.output_tokens, usage.cached_input_tokens)
        first = None if self.first_token_at is None else self.first_token_at - self.started
        return AttemptOutcome(answer, failure, usage, now - self.started, first, cost)

    def record_of(self, outcome: AttemptOutcome) -> AttemptRecord:
        """The record of this attempt with that outcome."""
        order = self.order
        return AttemptRecord(
            decision_id=order.decision_id,
            number=order.number,
            target=order.spec.name,
            kind=order.kind,
            started_at=self.started_at,
            outcome=outcome,
            worker_id=self.worker_id,
            simulated=order.spec.simulated or self.home.hello.simulated,
            tenant=order.tenant,
            task=order.task,
            replaced=order.replaced,
            operation=order.operation,
            expected_input_tokens=order.input_tokens if order.comparable else 0,
        )

    def _accept_delta(self, delta: Delta) -> bool:
        text = delta.arguments_json if isinstance(delta, ToolCallDelta) else delta.text
        self._characters += len(text)
        if len(self._sample) < SAMPLE:
            self._sample += text[:SAMPLE]
        if self.stopping is not None:
            return True
        if not self._text or not _continues(delta, self._text_head):
            self._close_text()
            self._text_head = delta
        self._text.append(text)
        if len(self._text) >= JOIN_AFTER:
            self._text = ["".join(self._text)]
        self._wake()
        return self._credit.receive(delta_size(delta)) and len(self._waiting) <= MOST_WAITING

    def _close_text(self) -> None:
        if not self._text:
            return
        text = self._text[0] if len(self._text) == 1 else "".join(self._text)
        head = self._text_head
        if isinstance(head, ToolCallDelta):
            self._waiting.append(ToolCallDelta(head.index, head.id, head.name, text))
        else:
            self._waiting.append(type(head)(text))
        self._text = []

    def _take(self) -> Sequence[AttemptSignal]:
        self._close_text()
        signals, self._waiting = self._waiting, []
        if isinstance(signals[-1], Finished | Failed):
            self._ended = True
            return signals
        granted = self._credit.read()
        if granted and self.stopping is None:
            self.home.link.send_credit(self.attempt_id, granted)
        return signals

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _usage_without_report(self, failure: Failure | None) -> Usage:
        if failure is None and self.reported_usage is not None:
            return self.reported_usage
        begun = self.first_token_at is not None or self.reported_usage is not None
        if failure is not None and not begun and (_refused(failure) or not POLICIES[failure.failure_class].billed):
            return Usage(estimated=True)
        return self._estimate()

    def _estimate(self) -> Usage:
        reported = self.reported_usage or Usage()
        return replace(
            reported,
            input_tokens=max(reported.input_tokens, self.order.input_tokens),
            output_tokens=max(reported.output_tokens, self._tokens_seen()),
            estimated=True,
        )

    def _tokens_seen(self) -> int:
        """Tokens of all that arrived, as the model counts them: what its beginning has, for the whole length."""
        if not self._sample:
            return 0
        tokens = estimate_text(self._sample, family_of(self.order.spec.model))
        return -(-tokens * self._characters // len(self._sample))


def _refused(failure: Failure) -> bool:
    """Whether the provider answered with an error in the place of an answer."""
    return failure.http_status >= HTTPStatus.BAD_REQUEST


def _continues(delta: Delta, head: Delta) -> bool:
    """Whether `delta` can be joined to the piece that `head` began."""
    if type(delta) is not type(head):
        return False
    if isinstance(delta, ToolCallDelta) and isinstance(head, ToolCallDelta):
        return delta.index == head.index and not delta.id and not delta.name
    return True


def _replaces(newer: AttemptSignal, older: AttemptSignal) -> bool:
    """Whether only the newer counts: of what was used, and of how far one step of a pull has come."""
    if isinstance(newer, PullProgressed):
        return isinstance(older, PullProgressed) and newer.status == older.status
    return isinstance(newer, Usage) and isinstance(older, Usage)
