"""All attempts of a worker, whichever router ordered them: admission, capacity, cancellation, draining."""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Sequence

from msgspec.structs import replace

from provider_workers.attempt import RunningAttempt
from provider_workers.backends.base import BackendAdapter, Finish
from provider_workers.orders import Answered, AttemptSink, Failed, Order
from service_common.clock import Clock
from service_common.failures import FailureClass
from service_common.scrub import scrub
from service_common.vocabulary import Operation

Admission = Callable[[Order], str]
"""Says why an order is refused; empty: it is not."""

MAX_NAME = 200
"""Characters of what a provider calls its model or an answer; what is longer is cut."""

CLOSE_TIMEOUT = 2.0
"""Seconds that cancelled attempts get to close their sockets."""

_LOG = logging.getLogger(__name__)


class Attempts:
    """Runs attempts. Counts are of those that are not settled: tidying up after a settled one holds no capacity.

    Attributes:
        on_settled: told of every settled attempt.
        outcomes: attempts since the start by operation and failure; None: none. Refused ones are among them.
    """

    def __init__(
        self,
        backend: BackendAdapter,
        clock: Clock,
        capacity: int,
        admission: Admission,
        secrets: Sequence[str],
    ) -> None:
        """Run nothing yet.

        Args:
            backend: carries attempts out.
            clock: for durations.
            capacity: most attempts at once; probes are free.
            admission: asked about every order before it starts.
            secrets: never to leave the worker in a failure's message.
        """
        self._backend = backend
        self._clock = clock
        self._capacity = capacity
        self._admission = admission
        self._secrets = secrets
        self._running: dict[tuple[AttemptSink, int], RunningAttempt] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._empty = asyncio.Event()
        self._empty.set()
        self.outcomes: Counter[tuple[Operation, FailureClass | None]] = Counter()
        self.on_settled: Callable[[Order, Answered | Failed], None] | None = None

    @property
    def in_flight(self) -> int:
        """Attempts that are not settled."""
        return len(self._running)

    def of(self, sink: AttemptSink) -> int:
        """Attempts of one session that are not settled."""
        return sum(1 for owner, _ in self._running if owner is sink)

    def start(self, order: Order, sink: AttemptSink) -> None:
        """Start an attempt, or refuse it in a report to `sink`. An identifier that runs already is ignored."""
        key = (sink, order.attempt_id)
        if key in self._running:
            return
        refusal = self._admission(order)
        if not refusal and self.in_flight >= self._capacity and order.operation is not Operation.PROBE:
            refusal = f"at capacity ({self._capacity} attempts)"
        if refusal:
            self.outcomes[order.operation, FailureClass.REFUSED_BY_WORKER] += 1
            sink.report(order.attempt_id, Failed(FailureClass.REFUSED_BY_WORKER, refusal))
            return
        attempt = RunningAttempt(order, sink, self._backend, self._clock, self._settled)
        self._running[key] = attempt
        self._empty.clear()
        task = attempt.start()
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def cancel(self, sink: AttemptSink, attempt_id: int) -> None:
        """Stop an attempt and close its socket; nothing if it is settled."""
        attempt = self._running.get((sink, attempt_id))
        if attempt is not None:
            attempt.cancel()

    def grant(self, sink: AttemptSink, attempt_id: int, credit: int) -> None:
        """Pass the router's credit on; nothing if the attempt is settled."""
        attempt = self._running.get((sink, attempt_id))
        if attempt is not None:
            attempt.credit.add(credit)

    def cancel_all(self, sink: AttemptSink) -> None:
        """Stop every attempt of a session that is gone."""
        for (owner, _), attempt in list(self._running.items()):
            if owner is sink:
                attempt.cancel()

    async def idle(self) -> None:
        """Wait until nothing runs. The caller bounds the wait."""
        await self._empty.wait()

    async def close(self) -> None:
        """Cancel what still runs and wait until its sockets are closed, at most `CLOSE_TIMEOUT` seconds."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            _, deaf = await asyncio.wait(tasks, timeout=CLOSE_TIMEOUT)
            if deaf:
                _LOG.warning("%d attempts did not end within %g s of being cancelled", len(deaf), CLOSE_TIMEOUT)

    def _settled(self, attempt: RunningAttempt, end: Answered | Failed) -> None:
        order = attempt.order
        del self._running[attempt.sink, order.attempt_id]
        if not self._running:
            self._empty.set()
        end = self._scrubbed(end)
        self.outcomes[order.operation, end.failure_class if isinstance(end, Failed) else None] += 1
        try:
            if self.on_settled is not None:
                self.on_settled(order, end)
        finally:
            self._report(attempt, end)

    def _report(self, attempt: RunningAttempt, end: Answered | Failed) -> None:
        """Tell the end of an attempt; where it cannot be told, at least that: nobody shall wait for it in vain."""
        identifier = attempt.order.attempt_id
        try:
            attempt.sink.report(identifier, end)
        except Exception as error:
            _LOG.exception("the end of attempt %d on %s cannot be told", identifier, attempt.order.model)
            said = f"the worker could not tell how this attempt ended ({type(error).__name__}); its log tells more"
            attempt.sink.report(identifier, Failed(FailureClass.STREAM_BROKEN, said))

    def _scrubbed(self, end: Answered | Failed) -> Answered | Failed:
        """The end without secrets, with names of a length that names have."""
        if isinstance(end, Failed):
            return replace(end, message=scrub(end.message, self._secrets))
        said = end.finish
        finish = Finish(said.reason, self._name(said.provider_model), self._name(said.provider_request_id))
        return end if finish == said else replace(end, finish=finish)

    def _name(self, said: str) -> str:
        return scrub(said, self._secrets)[:MAX_NAME] if said else ""
