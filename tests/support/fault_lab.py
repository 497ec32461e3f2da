"""A router over three targets of which the first misbehaves, called as applications call it."""

import time
import warnings
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc

from provider_workers.simulated import Behaviour, Fault, ProviderSpec, SimulatedProviders
from provider_workers.simulated.recorder import RecordedRequest
from tests.support.caller import Caller, CallFailure, Told, ask, failure_of
from tests.support.configurations import FIRST, LOCAL, SECOND, THIRD, Target, configuration, write_configuration
from tests.support.router_harness import RunningRouter, running_router, until
from trunkline.router.v1 import router_service_pb2 as pb
from trunkline.types.v1 import attempt_pb2 as attempts
from trunkline.types.v1 import chat_pb2 as chat

CLAUDE = Target("anthropic", "claude-haiku-4-5", kind="litellm", section={"api_key": "${SIMULATED_API_KEY}"})
KINDS: Mapping[str, Target] = {"openai_wire": FIRST, "ollama": LOCAL, "litellm": CLAUDE}
"""The first target of a test, by the kind of its worker."""

STREAM, UNARY = "stream", "unary"
FROM_SECOND = "The second target answers this."
FROM_THIRD = "The third target answers this."
IMPATIENT = {"first_token_timeout": "400ms", "idle_timeout": "400ms"}


@dataclass(frozen=True, slots=True)
class Result:
    """How a call ended for its caller, streamed or not. Exactly one of `completed` and `failure` is there.

    Attributes:
        text: the valid text, also that before a failure.
        resets: the stream's resets.
        took: seconds.
    """

    text: str
    completed: pb.Completed | None
    failure: CallFailure | None
    took: float
    resets: Sequence[pb.StreamReset] = ()

    @property
    def attempts(self) -> Sequence[attempts.Attempt]:
        """The attempts, of an answer or of a failure."""
        if self.completed is not None:
            return self.completed.attempts
        assert self.failure is not None
        return self.failure.error.attempts

    @property
    def targets(self) -> list[str]:
        """The targets that were tried, in their order."""
        return [attempt.target for attempt in self.attempts]

    @property
    def classes(self) -> list[str]:
        """The failure classes of the attempts, in short; empty for a success."""
        prefix = "FAILURE_CLASS_"
        names = [attempts.FailureClass.Name(attempt.failure_class) for attempt in self.attempts]
        return ["" if name == f"{prefix}UNSPECIFIED" else name.removeprefix(prefix) for name in names]

    @property
    def answered_by(self) -> str:
        """The target whose answer the caller has; a failed call fails the test."""
        assert self.completed is not None, f"the call failed: {self.failure}"
        return self.completed.target

    @property
    def failed(self) -> CallFailure:
        """How the call failed; an answer fails the test."""
        assert self.failure is not None, f"the call was to fail, but {self.answered_by} answered {self.text[:80]!r}"
        return self.failure


@dataclass(slots=True)
class Lab:
    """A running router; `first` is the target that misbehaves, and the others are sound."""

    first: Target
    simulated: SimulatedProviders
    router: RunningRouter
    caller: Caller
    results: list[Result] = field(default_factory=list)

    def strike(self, *faults: Fault, **behaviour: Any) -> None:
        """How the first target's provider behaves from now on."""
        self.simulated.set_behaviour(self.first.backend, Behaviour(faults=faults, **behaviour))

    @staticmethod
    def behaviour(*faults: Fault, **behaviour: Any) -> Behaviour:
        """A provider's behaviour, to be queued."""
        return Behaviour(faults=faults, **behaviour)

    def recover(self) -> None:
        """The first target's provider is sound again."""
        self.simulated.reset_behaviour(self.first.backend)

    def received(self, target: Target) -> list[RecordedRequest]:
        """The prompts that a target's provider received."""
        return [request for request in self.simulated.requests(target.backend) if request.prompt_sha256]

    async def call(self, mode: str, completion: chat.CompletionRequest | None = None, timeout: float = 20.0) -> Result:
        """One call, streamed or not; it has exactly one end, and its attempts are numbered in their order."""
        request = completion if completion is not None else ask()
        began = time.monotonic()
        result = await (self._stream if mode == STREAM else self._complete)(request, timeout, began)
        if result.completed is not None or (result.failure is not None and result.failure.details):
            assert [attempt.number for attempt in result.attempts] == list(range(1, len(result.attempts) + 1))
        self.results.append(result)
        return result

    async def _complete(self, request: chat.CompletionRequest, timeout: float, began: float) -> Result:
        try:
            answer = await self.caller.complete(request, timeout)
        except grpc.aio.AioRpcError as error:
            return Result("", None, await failure_of(_raising(error)), time.monotonic() - began)
        return Result(answer.text, answer.completed, None, time.monotonic() - began)

    async def _stream(self, request: chat.CompletionRequest, timeout: float, began: float) -> Result:
        told = Told()
        try:
            await self.caller.stream(request, timeout, told)
        except grpc.aio.AioRpcError as error:
            assert "completed" not in told.kinds
            failure = await failure_of(_raising(error), told)
            return Result(told.text, None, failure, time.monotonic() - began, told.all("stream_reset"))
        return Result(told.text, told.completed, None, time.monotonic() - began, told.all("stream_reset"))


async def _raising(error: grpc.aio.AioRpcError) -> None:
    raise error


@asynccontextmanager
async def providers() -> AsyncIterator[SimulatedProviders]:
    """A provider for each target; the second and third say who they are."""
    healthy = {SECOND.backend: Behaviour(answer_text=FROM_SECOND), THIRD.backend: Behaviour(answer_text=FROM_THIRD)}
    specs = [
        ProviderSpec(target.backend, models=(target.model,), behaviour=healthy.get(target.backend, Behaviour()))
        for target in (*KINDS.values(), SECOND, THIRD)
    ]
    async with SimulatedProviders(specs, seed=1) as simulated:
        yield simulated


@asynccontextmanager
async def fault_lab(
    folder: Path, simulated: SimulatedProviders, first: Target, *others: Target, **sections: Any
) -> AsyncIterator[Lab]:
    """A router over `first` and `others` in falling quality; keywords are sections of the configuration, and
    `attempts` those of its profile. At the end nothing is in flight."""
    warnings.filterwarnings("ignore", message=".*ReadOnly. qualifier")  # litellm's types make pydantic warn
    content = configuration((first, *others), simulated, **sections)
    async with running_router(write_configuration(folder, content)) as (router, caller):
        lab = Lab(first, simulated, router, caller)
        yield lab
        await until(lambda: router.in_flight == 0, "the attempts to settle")
