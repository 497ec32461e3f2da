"""Has a local server fetch a model."""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass

from router_service.calls.errands import Errands
from router_service.contracts.engine import Engine
from router_service.contracts.state import TableReader
from router_service.domain.errors import CallFailed, NoTarget, NotFound
from router_service.domain.signals import Failed, PullProgressed
from router_service.domain.target import TargetSpec
from service_common.failures import FailureClass
from service_common.vocabulary import Operation

LONGEST_PULL = 6 * 3600.0
"""Seconds, for callers that set no deadline."""


@dataclass(frozen=True, slots=True)
class Pulls:
    """Fetches models."""

    errands: Errands
    engine: Callable[[], Engine]
    table: TableReader

    async def pull(self, target: str, time_left: float | None) -> AsyncGenerator[PullProgressed, None]:
        """How far the pull of `backend/model` has come, until the model is there.

        Raises:
            NotFound: there is no such backend.
            NoTarget: its worker cannot fetch models, may not, or is not there.
            CallFailed: the server could not fetch it.
        """
        time = LONGEST_PULL if time_left is None else time_left
        async with aclosing(self.errands.signals(self._spec(target), Operation.PULL_MODEL, time)) as signals:
            async for signal in signals:
                if isinstance(signal, PullProgressed):
                    yield signal
                elif isinstance(signal, Failed):
                    failure = signal.failure
                    kind = NoTarget if failure.failure_class is FailureClass.UNSUPPORTED else CallFailed
                    raise kind(f"{target} was not fetched: {failure.message}")

    def _spec(self, target: str) -> TargetSpec:
        view = self.table.snapshot().targets.get(target)
        if view is not None:
            return view.spec
        backend, slash, model = target.partition("/")
        backends = self.engine().catalogue.backends
        if backend not in backends:
            raise NotFound.among("backend", backend, backends)
        if not (slash and model):
            raise NotFound(f'"{target}" names no model: write backend/model')
        return TargetSpec(target, backend, model, backends[backend].provider)
