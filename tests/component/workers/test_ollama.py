"""What only Ollama's worker does: residence, warm-up, pulling, missing models."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from provider_workers.backends.ollama.adapter import OllamaBackend
from provider_workers.settings import BackendSettings
from provider_workers.simulated import Behaviour, Fault, ProviderSpec, SimulatedProviders
from service_common.clock import SystemClock
from service_common.failures import FailureClass
from tests.support.worker_harness import Attached, ScriptedRouter, Tried
from tests.support.worker_processes import complete_body, worker_process
from trunkline.types.v1.target_pb2 import MODEL_MODE_EMBEDDING
from trunkline.worker.v1 import worker_service_pb2 as wire


@asynccontextmanager
async def attached(
    *flags: str, behaviour: Behaviour | None = None
) -> AsyncIterator[tuple[SimulatedProviders, Attached]]:
    """An Ollama and its worker, started with these flags."""
    spec = ProviderSpec("ollama", behaviour=behaviour or Behaviour())
    async with SimulatedProviders([spec]) as sim, ScriptedRouter(heartbeat=0.1) as router:
        known = ["--backend", "ollama", "--kind", "ollama", "--base-url", sim.base_url("ollama")]
        async with worker_process([*known, "--router", router.address, *flags]):
            yield sim, await router.worker()


def pull(worker: Attached, model: str) -> Tried:
    """Order a model to be fetched."""
    return worker.dispatch(b"", model, operation=wire.OPERATION_PULL_MODEL)


async def test_a_model_is_pulled_with_progress() -> None:
    """Pulling tells how far it has come, and the model answers afterwards."""
    async with attached("--discover", "--pull") as (_, worker):
        assert "qwen3:0.6b" not in [model.model for model in worker.hello.models]
        tried = pull(worker, "qwen3:0.6b")
        await tried.finished()
        progress = [event.pull_progress for event in tried.events if event.HasField("pull_progress")]
        assert any(0 < step.completed_bytes <= step.total_bytes for step in progress)
        last, most = progress[-1], max(step.total_bytes for step in progress[:-1])
        assert (last.status, last.completed_bytes, last.total_bytes) == ("success", most, most)
        changed = (await worker.until("targets_changed")).targets_changed
        assert "qwen3:0.6b" in [model.model for model in changed.models]
        await worker.dispatch(complete_body(), "qwen3:0.6b").finished()


async def test_pulling_needs_leave() -> None:
    """Where the configuration does not allow it, nothing is fetched and the setting is named."""
    async with attached("--discover") as (sim, worker):
        failed = await pull(worker, "qwen3:0.6b").failed()
        assert FailureClass(failed.failure_class) is FailureClass.UNSUPPORTED
        assert "backends.ollama.pull" in failed.message
        assert not [request for request in sim.requests("ollama") if request.path == "/api/pull"]


async def test_warm_up_makes_a_model_resident() -> None:
    """A model that was warmed up is in memory by the next look at the server, and the heartbeat says so."""
    async with attached("--model", "llama3.1") as (_, worker):
        assert not (await worker.heartbeat_where(lambda _: True)).resident_models
        await worker.dispatch(b"", "llama3.1", operation=wire.OPERATION_WARM_UP).finished()
        beat = await worker.heartbeat_where(lambda beat: "llama3.1" in beat.resident_models)
        assert "nomic-embed-text" not in beat.resident_models
        assert beat.state == wire.WORKER_STATE_READY


async def test_warm_up_loads_as_calls_do() -> None:
    """With the options of the configuration: an Ollama loads a model anew for a call with another `num_ctx`."""
    async with SimulatedProviders([ProviderSpec("ollama")], record_bodies=True) as sim:
        options = {"options": {"num_ctx": 8192}}
        settings = BackendSettings("o", "ollama", "ollama", sim.base_url("ollama"), options=options, keep_alive="5m")
        backend = OllamaBackend(settings, SystemClock())
        await backend.describe()
        sim.clear_requests()
        await backend.warm_up("llama3.1")
        await backend.warm_up("nomic-embed-text")
        await backend.close()
        asked = {request.path: request.body for request in sim.requests("ollama")}
    assert asked == {
        "/api/generate": {"model": "llama3.1", "stream": False, "keep_alive": "5m", **options},
        "/api/embed": {"model": "nomic-embed-text", "input": "", "keep_alive": "5m", **options},
    }


async def test_a_configured_model_that_is_not_there_is_not_announced() -> None:
    """The worker reports what is: a missing model is no target, and the reason names it and the way to get it."""
    async with attached("--model", "llama3.1", "--model", "missing-model") as (_, worker):
        assert "missing-model" not in [model.model for model in worker.hello.models]
        assert "missing-model" in worker.hello.state_reason
        assert "`ollama pull` fetches a model" in worker.hello.state_reason
    async with attached("--model", "missing-model", "--pull") as (_, worker):
        assert "`trunkline model pull ollama/missing-model` fetches it" in worker.hello.state_reason


async def test_what_is_there_is_told_by_every_name_that_a_configuration_may_use() -> None:
    """The router's configuration may list more by now than the worker's did at its start; with discovery one name."""
    async with attached("--model", "llama3.1") as (_, worker):
        names = [model.model for model in worker.hello.models]
        assert names == ["llama3.1", "llama3.1:latest", "nomic-embed-text", "nomic-embed-text:latest"]
        assert worker.hello.models[2].mode == worker.hello.models[3].mode == MODEL_MODE_EMBEDDING
    async with attached("--model", "llama3.1:latest", "--discover") as (_, worker):
        assert [model.model for model in worker.hello.models] == ["llama3.1:latest", "nomic-embed-text"]


async def test_an_ollama_that_comes_back_is_noticed() -> None:
    """A server that cannot be reached makes the worker unhealthy; when it answers again, the worker is ready."""
    broken = Behaviour(faults=(Fault("503", operation="any"),))
    async with attached("--discover", behaviour=broken) as (sim, worker):
        assert worker.hello.state == wire.WORKER_STATE_UNHEALTHY
        sim.set_behaviour("ollama", Behaviour())
        await worker.heartbeat_where(lambda beat: beat.state == wire.WORKER_STATE_READY)
        async with asyncio.timeout(5):
            changed = (await worker.until("targets_changed")).targets_changed
        assert "llama3.1" in [model.model for model in changed.models]
