"""What the conformance suite runs against: each kind of worker with its simulated provider, or a worker of yours.

To try another worker, in any language, set
    TRUNKLINE_CONFORMANCE_COMMAND   how to start it, with {router} {base_url} {backend} {model} {embedding_model}
    TRUNKLINE_CONFORMANCE_WIRE      the wire that it speaks: openai, ollama, anthropic or gemini
The worker finds its token in TRUNKLINE_WORKER_TOKEN and the provider's key in TRUNKLINE_BACKEND_API_KEY.
"""

import asyncio
import os
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

from provider_workers.simulated import Behaviour, Fault, ProviderSpec, SimulatedProviders
from service_common.failures import FailureClass
from tests.support.received import Received, received
from tests.support.worker_harness import Attached, ScriptedRouter, Tried
from tests.support.worker_processes import attached, complete_body, question, worker_process
from trunkline.types.v1 import chat_pb2 as chat

TOKEN = "conformance-token"
KEY = "sk-conformance-1234567890"


@dataclass(frozen=True)
class Kind:
    """One kind of worker.

    Attributes:
        lacks: names of what its provider or library cannot do; a test asserts that it says so.
    """

    kind: str
    wire: str
    model: str
    embedding_model: str
    lacks: frozenset[str] = frozenset()

    @property
    def name(self) -> str:
        """For the test's name."""
        return self.kind if self.kind != "litellm" else f"litellm-{self.wire}"


KINDS = (
    Kind("openai_wire", "openai", "gpt-4o-mini", "text-embedding-3-small"),
    Kind(
        "ollama",
        "ollama",
        "llama3.1",
        "nomic-embed-text",
        frozenset({"file", "forced tool", "cached tokens", "reasoning tokens", "quota", "filter"}),
    ),
    Kind("litellm", "anthropic", "claude-haiku-4-5", "", frozenset({"seed", "embeddings"})),
    Kind("litellm", "gemini", "gemini-2.5-flash", "gemini-embedding-001"),
)


def kinds() -> tuple[Kind, ...]:
    """The kinds to run against."""
    if not os.environ.get("TRUNKLINE_CONFORMANCE_COMMAND"):
        return KINDS
    wire = os.environ.get("TRUNKLINE_CONFORMANCE_WIRE", "openai")
    of_wire = next(kind for kind in KINDS if kind.wire == wire)
    return (Kind("external", wire, of_wire.model, of_wire.embedding_model, of_wire.lacks),)


class Bench:
    """One attached worker and its provider.

    Attributes:
        worker: the attached worker; another one after `revive`.
        process: the worker's.
    """

    worker: Attached
    process: Process

    def __init__(self, kind: Kind, sim: SimulatedProviders, router: ScriptedRouter) -> None:
        """Start nothing yet."""
        self.kind = kind
        self.sim = sim
        self._router = router
        self._running = AsyncExitStack()

    async def start(self) -> None:
        """Start the worker and wait until it is attached.

        Raises:
            WorkerEndedError: it ended before it was attached.
        """
        arguments, environment, command = _command(self.kind, self.sim.base_url(self.kind.wire), self._router.address)
        started = worker_process(arguments, environment, command)
        self.process = await self._running.enter_async_context(started)
        self.worker = await self._running.enter_async_context(attached(self.process, self._router))

    async def revive(self) -> None:
        """Start the worker anew where it has ended, so that the test before fails alone."""
        if self.process.returncode is not None:
            await self.stop()
            await self.start()

    async def stop(self) -> None:
        """End the worker."""
        await self._running.aclose()

    def behave(self, *faults: Fault, **behaviour: object) -> None:
        """Set how the provider behaves from now on."""
        self.sim.set_behaviour(self.kind.wire, Behaviour(faults=faults, **behaviour))  # type: ignore[arg-type]

    def ask(self, request: chat.CompletionRequest | None = None, **dispatch: object) -> Tried:
        """Order a chat answer."""
        return self.worker.dispatch(complete_body(request or question()), self.kind.model, **dispatch)

    def body(self) -> Mapping[str, Any]:
        """The body of the newest request for an answer or vectors, as the provider received it."""
        asked = [request for request in self.sim.requests(self.kind.wire) if request.prompt_sha256 is not None]
        assert asked, "the provider was not asked"
        assert asked[-1].body is not None
        return asked[-1].body

    def received(self) -> Received:
        """What that asks."""
        return received(self.kind.wire, self.body())

    async def provider_saw(self, outcome: str) -> None:
        """Wait until the provider's newest request has ended so; a test fails after two seconds."""
        async with asyncio.timeout(2):
            while self.sim.requests(self.kind.wire)[-1].outcome != outcome:  # noqa: ASYNC110
                await asyncio.sleep(0.01)

    async def fails(self, *faults: Fault, request: chat.CompletionRequest | None = None) -> tuple[FailureClass, Tried]:
        """The class of the failure that a provider with these faults leads to."""
        self.behave(*faults)
        tried = self.ask(request)
        return await tried.failure_class(), tried


@asynccontextmanager
async def bench(kind: Kind) -> AsyncIterator[Bench]:
    """A worker of this kind, attached, with a simulated provider behind it."""
    async with (
        SimulatedProviders([ProviderSpec(kind.wire)], seed=7, record_bodies=True) as sim,
        ScriptedRouter(token=TOKEN) as router,
    ):
        made = Bench(kind, sim, router)
        try:
            await made.start()
            yield made
        finally:
            await made.stop()


def _command(kind: Kind, base_url: str, router: str) -> tuple[list[str], dict[str, str], str]:
    """The arguments and environment of this project's worker, and the command that replaces it; empty: none does."""
    arguments = ["--backend", kind.wire, "--kind", kind.kind, "--base-url", base_url, "--router", router, "--pull"]
    for model in filter(None, (kind.model, kind.embedding_model)):
        arguments += ["--model", model]
    command = os.environ.get("TRUNKLINE_CONFORMANCE_COMMAND", "").format(
        router=router, base_url=base_url, backend=kind.wire, model=kind.model, embedding_model=kind.embedding_model
    )
    return arguments, {"TRUNKLINE_WORKER_TOKEN": TOKEN, "TRUNKLINE_BACKEND_API_KEY": KEY}, command
