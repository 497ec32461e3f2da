"""Single attempts that the router makes for a target's sake, outside of any call: probes, warm-ups, pulls."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

from msgspec import Struct

from router_service.contracts.dispatch import AttemptOrder, Dispatcher, Refusal
from router_service.domain.attempt import AttemptRecord, Failure
from router_service.domain.errors import NoTarget
from router_service.domain.signals import AttemptSignal, Failed, Finished
from router_service.domain.target import TargetSpec
from service_common.clock import Clock
from service_common.deadline import Deadline
from service_common.failures import FailureClass
from service_common.vocabulary import AttemptKind, Operation, Sensitivity

OUT_OF_TIME = Failure(FailureClass.TIMEOUT_TOTAL, "it was not done in time")
NOT_WANTED = Failure(FailureClass.CANCELLED, "nobody waits for it any more")


class Unrecorded(Struct, frozen=True):
    """Implements `AttemptRecording` for attempts that belong to no call."""

    traceparent: str = ""
    tracestate: str = ""

    def settled(self, record: AttemptRecord) -> None:
        """Keep nothing."""

    def withdrawn(self, reason: str) -> None:
        """Keep nothing."""


class Errands(Struct, frozen=True):
    """Runs errands on attached workers."""

    dispatcher: Dispatcher
    clock: Clock

    async def result(self, spec: TargetSpec, operation: Operation, time: float, body: bytes = b"") -> Failure | None:
        """How an errand ends: None where it succeeded, also a failure where no worker takes it. See `signals`."""
        failure: Failure | None = None
        try:
            async with aclosing(self.signals(spec, operation, time, body)) as signals:
                async for signal in signals:
                    failure = signal.failure if isinstance(signal, Failed) else None
        except NoTarget as refused:
            return Failure(FailureClass.REFUSED_BY_WORKER, refused.message)
        return failure

    async def signals(
        self, spec: TargetSpec, operation: Operation, time: float, body: bytes = b""
    ) -> AsyncGenerator[AttemptSignal, None]:
        """What the worker says of an errand; the last is `Finished` or `Failed`. Closed early, the errand is cancelled.

        Args:
            spec: whom it is about.
            operation: what is to be done.
            time: seconds that it may take.
            body: the request, where the operation is one that a caller might ask for.

        Raises:
            NoTarget: no worker takes it; says why.
        """
        deadline = Deadline.after(self.clock, time)
        started = self.dispatcher.start(_order(spec, operation, deadline, time, body))
        if isinstance(started, Refusal):
            raise NoTarget(started.reason, retry_after=started.retry_after)
        try:
            ended = False
            while not ended:  # settled is not ended: the last word may come while whoever reads is busy
                try:
                    async with asyncio.timeout(deadline.left(self.clock)):
                        signals = await started.read()
                except TimeoutError:
                    started.cancel(OUT_OF_TIME)
                    yield Failed(OUT_OF_TIME, None)
                    return
                for signal in signals:
                    ended = isinstance(signal, Finished | Failed)
                    yield signal
        finally:
            if started.record is None:
                started.cancel(NOT_WANTED)


def _order(spec: TargetSpec, operation: Operation, deadline: Deadline, time: float, body: bytes) -> AttemptOrder:
    return AttemptOrder(
        decision_id="",
        number=1,
        kind=AttemptKind.FIRST,
        spec=spec,
        operation=operation,
        body=body,
        sensitivity=Sensitivity.PUBLIC,
        deadline=deadline,
        first_token_timeout=time,
        idle_timeout=time,
        recording=Unrecorded(),
        upkeep=True,
    )
