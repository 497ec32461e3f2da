"""A worker started from the configuration file: its own section, its own key, and what it says when that is missing."""

from pathlib import Path

from provider_workers.simulated import Behaviour, Fault, ProviderSpec, SimulatedProviders
from service_common.failures import FailureClass
from tests.support.worker_harness import ScriptedRouter
from tests.support.worker_processes import complete_body, worker_process
from trunkline.worker.v1 import worker_service_pb2 as wire

FILE = """
backends:
  groq:
    kind: openai_wire
    base_url: {base_url}
    api_key: ${{GROQ_API_KEY}}
    region: eu
    capacity: 7
    labels: {{team: search}}
models:
  groq/llama-3.3-70b-versatile: {{quality: 0.8}}
"""


def written(folder: Path, base_url: str) -> list[str]:
    """A configuration file, and the command line of its worker."""
    file = folder / "trunkline.yaml"
    file.write_text(FILE.format(base_url=base_url), encoding="utf-8")
    return ["--config", str(file), "--backend", "groq"]


async def test_a_worker_from_the_file_uses_its_key(tmp_path: Path) -> None:
    """The section's facts are announced, and the key of the environment opens the provider."""
    spec = ProviderSpec("groq", behaviour=Behaviour(api_key="gsk_test_1234567890"))
    async with SimulatedProviders([spec]) as sim, ScriptedRouter() as router:
        command = [*written(tmp_path, sim.base_url("groq")), "--router", router.address]
        async with worker_process(command, {"GROQ_API_KEY": "gsk_test_1234567890"}):
            worker = await router.worker()
            assert worker.hello.state == wire.WORKER_STATE_READY
            assert (worker.hello.region, worker.hello.capacity) == ("eu", 7)
            assert dict(worker.hello.labels) == {"team": "search"}
            await worker.dispatch(complete_body(), "llama-3.3-70b-versatile").finished()


async def test_a_worker_without_its_key_says_so(tmp_path: Path) -> None:
    """A missing variable leaves the worker attached, named as not configured, and refusing work."""
    async with SimulatedProviders([ProviderSpec("groq")]) as sim, ScriptedRouter() as router:
        command = [*written(tmp_path, sim.base_url("groq")), "--router", router.address]
        async with worker_process(command):
            worker = await router.worker()
            assert worker.hello.state == wire.WORKER_STATE_NOT_CONFIGURED
            assert "GROQ_API_KEY" in worker.hello.state_reason
            tried = worker.dispatch(complete_body(), "llama-3.3-70b-versatile")
            assert await tried.failure_class() is FailureClass.REFUSED_BY_WORKER
            assert not sim.requests()


async def test_a_wrong_key_is_named_at_start_without_being_told(tmp_path: Path) -> None:
    """A key that the provider refuses shows in hello as unhealthy, and the key itself nowhere."""
    spec = ProviderSpec("groq", behaviour=Behaviour(api_key="gsk_other_1234567890"))
    async with SimulatedProviders([spec]) as sim, ScriptedRouter() as router:
        command = [*written(tmp_path, sim.base_url("groq")), "--router", router.address]
        async with worker_process(command, {"GROQ_API_KEY": "gsk_wrong_1234567890"}):
            worker = await router.worker()
            assert worker.hello.state == wire.WORKER_STATE_UNHEALTHY
            assert FailureClass(worker.hello.state_failure) is FailureClass.AUTH
            assert "auth" in worker.hello.state_reason
            failed = await worker.dispatch(complete_body(), "llama-3.3-70b-versatile").failed()
            assert FailureClass(failed.failure_class) is FailureClass.AUTH
            assert "gsk_wrong_1234567890" not in failed.message + worker.hello.state_reason


async def test_an_unknown_backend_is_a_wrong_usage(tmp_path: Path) -> None:
    """A backend that the file lacks ends the worker with status 2 and the names that the file has."""
    command = written(tmp_path, "http://127.0.0.1:9/v1")
    command[-1] = "openai"
    async with worker_process(command) as process:
        _, said = await process.communicate()
        assert process.returncode == 2
        assert "groq" in said.decode()


async def test_an_address_that_is_no_provider_is_named(tmp_path: Path) -> None:
    """A base URL that leads to some web page shows in hello, and in the error of a call."""
    pages = Behaviour(faults=(Fault("html_200", operation="any"),))
    async with SimulatedProviders([ProviderSpec("groq", behaviour=pages)]) as sim, ScriptedRouter() as router:
        command = [*written(tmp_path, sim.base_url("groq")), "--router", router.address]
        async with worker_process(command, {"GROQ_API_KEY": "gsk_test_1234567890"}):
            worker = await router.worker()
            assert worker.hello.state == wire.WORKER_STATE_UNHEALTHY
            assert "provider's address" in worker.hello.state_reason
            failed = await worker.dispatch(complete_body(), "llama-3.3-70b-versatile").failed()
            assert FailureClass(failed.failure_class) is FailureClass.STREAM_BROKEN
            assert "base_url" in failed.message
