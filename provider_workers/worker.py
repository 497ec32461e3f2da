"""A worker apart from its links: the backend and how it is, admission, and what every router is to be told."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace

from provider_workers.attempts import Attempts
from provider_workers.backends.base import (
    BackendAdapter,
    BackendDescription,
    ModelDescription,
    RateLimitLeft,
    TokenUsage,
)
from provider_workers.backends.rate_limits import pause
from provider_workers.orders import Answered, Failed, Order
from provider_workers.settings import WorkerSettings
from service_common.backend_kinds import BACKEND_KINDS
from service_common.clock import Clock
from service_common.failures import FailureClass
from service_common.scrub import scrub
from service_common.vocabulary import Locality, Operation, Sensitivity, WorkerState

DESCRIBE_TIMEOUT = 3.0
"""Seconds that a provider gets to describe itself; a slower one is announced as the configuration has it."""

CLOSE_TIMEOUT = 2.0
"""Seconds that a backend gets to close its connections."""

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Status:
    """How a worker fares, for a heartbeat."""

    in_flight: int
    state: WorkerState
    state_reason: str
    state_failure: FailureClass | None
    rate_limit: RateLimitLeft | None
    resident_models: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ModelsChanged:
    """The backend's models are others than before."""

    models: tuple[ModelDescription, ...]


@dataclass(frozen=True, slots=True)
class CoolDown:
    """The provider asked to be left alone for `seconds`; an empty `model` means the whole backend."""

    model: str
    seconds: float
    reason: str


Announcement = ModelsChanged | CoolDown


class Worker:
    """One backend, its attempts and its state. Call inside the running event loop.

    Attributes:
        changed: set when an attempt changed what the backend has, so that it should be asked again.
    """

    def __init__(self, settings: WorkerSettings, backend: BackendAdapter, locality: Locality, clock: Clock) -> None:
        """Know nothing of the provider yet; `refresh` asks it."""
        self.settings = settings
        self.locality = locality
        self._kind = BACKEND_KINDS[settings.backend.kind]
        self._backend = backend
        self._description = BackendDescription(tuple(ModelDescription(model) for model in settings.backend.models))
        self._remote_models: frozenset[str] = frozenset()
        self._draining = ""
        self.attempts = Attempts(backend, clock, settings.capacity, self._refusal, settings.backend.secrets)
        self.attempts.on_settled = self._noticed
        self.changed = asyncio.Event()
        self.announce: Callable[[Announcement], None] = _nobody_listens

    @property
    def clearance(self) -> Sensitivity:
        """The highest sensitivity let through: as configured, else by kind and locality."""
        if self.settings.clearance is not None:
            return self.settings.clearance
        near = self.locality in (Locality.HOST, Locality.PRIVATE)
        return Sensitivity.CONFIDENTIAL if near and self._kind.runs_models else Sensitivity.INTERNAL

    @property
    def takes_any_model(self) -> bool:
        """Whether every model's name is handed on: by those whose provider is not asked for what it has."""
        return not (self.settings.backend.discover or self._kind.announces_all_models)

    @property
    def description(self) -> BackendDescription:
        """The backend as it was when it was last asked."""
        return self._description

    def status(self) -> Status:
        """How the worker fares now."""
        state, reason = self.state()
        return Status(
            in_flight=self.attempts.in_flight,
            state=state,
            state_reason=reason,
            state_failure=self.failure,
            rate_limit=self._backend.rate_limit(),
            resident_models=self._description.resident_models,
        )

    def state(self) -> tuple[WorkerState, str]:
        """Whether the worker can serve, and why not."""
        if self.settings.backend.missing:
            return WorkerState.NOT_CONFIGURED, self.settings.backend.missing
        if self._draining:
            return WorkerState.DRAINING, self._draining
        return self._description.state, self._description.state_reason

    @property
    def failure(self) -> FailureClass | None:
        """The failure of the provider for which the worker is unhealthy; None: for none, or it is not."""
        return self._description.failure if self.state()[0] is WorkerState.UNHEALTHY else None

    async def refresh(self) -> None:
        """Ask the provider what it has and how it is, and tell the routers if its models changed."""
        if self.settings.backend.missing:
            return
        before = self._description
        try:
            async with asyncio.timeout(DESCRIBE_TIMEOUT):
                found = await self._backend.describe()
        except TimeoutError:
            reason = f"the provider did not describe itself within {DESCRIBE_TIMEOUT:g} s"
            found = _unknown(before, reason)
        except Exception as error:  # what the adapter was not made for must not end the asking
            reason = f"what the provider says of itself cannot be read ({type(error).__name__}: {error})"
            found = _unknown(before, reason)
            _LOG.debug("%s could not be described", self.settings.backend.name, exc_info=True)
        if found.state is not WorkerState.READY and not found.models:
            found = replace(found, models=before.models)
        found = replace(found, state_reason=scrub(found.state_reason, self.settings.backend.secrets))
        self._description = found
        self._remote_models = frozenset(model.model for model in found.models if model.remote)
        if _kind_of(found) != _kind_of(before):
            level = logging.WARNING if found.state_reason else logging.INFO
            state = found.state.label.replace("_", " ")
            _LOG.log(level, "%s is %s. %s", self.settings.backend.name, state, found.state_reason)
        if found.models != before.models:
            self.announce(ModelsChanged(found.models))

    def drain(self, reason: str) -> None:
        """Take nothing new from now on."""
        self._draining = reason

    async def close(self) -> None:
        """Cancel what runs and let go of the provider."""
        await self.attempts.close()
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT):
                await self._backend.close()
        except TimeoutError:
            _LOG.warning("%s did not close its connections within %g s", self.settings.backend.name, CLOSE_TIMEOUT)

    def _refusal(self, order: Order) -> str:
        state, reason = self.state()
        if state in (WorkerState.NOT_CONFIGURED, WorkerState.DRAINING):
            return f"{state.label}: {reason}"
        remote = order.model in self._remote_models
        if self.settings.backend.offline and (remote or order.operation is Operation.PULL_MODEL):
            return "offline: true, and this would be asked of somebody outside"
        if order.operation in (Operation.COMPLETE, Operation.EMBED):
            clearance = min(self.clearance, Sensitivity.INTERNAL) if remote else self.clearance
            if order.sensitivity > clearance:
                return f"{order.sensitivity.label} is above this worker's clearance ({clearance.label})"
        return ""

    def _noticed(self, order: Order, end: Answered | Failed) -> None:
        """Tell every router what one attempt has learnt; note what makes the description stale."""
        if order.operation in (Operation.PULL_MODEL, Operation.WARM_UP) or _lacks_call(end):
            self.changed.set()
        if isinstance(end, Failed) and end.failure_class is FailureClass.RATE_LIMITED and end.retry_after:
            model = "" if end.backend_wide else order.model
            # Every caller is shown the reason, and the provider's words may quote a prompt.
            self.announce(CoolDown(model, end.retry_after, end.failure_class.told(end.http_status)))
        elif isinstance(end, Answered):
            self._pace(order.model, end.usage)

    def _pace(self, model: str, usage: TokenUsage | None) -> None:
        """Leave a model alone as soon as the provider says that nothing is left, before it refuses."""
        left = self._backend.used_up(model)
        if left is None:
            return
        seconds = pause(left, usage.input_tokens + usage.output_tokens if usage is not None else 0)
        if seconds > 0:
            self.announce(CoolDown(model, seconds, "the provider's rate limit is used up, by its own headers"))


def _lacks_call(end: Answered | Failed) -> bool:
    """Whether an attempt has shown that its kind of call is not there, which the backend's description then says."""
    return isinstance(end, Failed) and end.failure_class is FailureClass.UNSUPPORTED and end.backend_wide


def _unknown(before: BackendDescription, reason: str) -> BackendDescription:
    """A backend that could not be asked how it is: what it was, unhealthy."""
    return replace(before, state=WorkerState.UNHEALTHY, state_reason=reason, failure=None)


def _kind_of(description: BackendDescription) -> tuple[WorkerState, str]:
    """What is worth a line of the log: not each new request's number in the same refusal of a provider."""
    return description.state, description.state_reason.partition(":")[0]


def _nobody_listens(_: Announcement) -> None:
    """Before the first link there is nobody to tell; hello tells it all."""
