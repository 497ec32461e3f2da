"""What a worker announces of the models that its configuration names."""

from provider_workers.link.frames import hello
from provider_workers.settings import BackendSettings, WorkerSettings
from provider_workers.worker import Worker
from service_common.clock import SystemClock
from service_common.vocabulary import Locality
from tests.support.backends import TwoModels


async def test_a_worker_without_its_key_does_not_say_what_its_models_are_for() -> None:
    """The router goes by the facts: its calls are told which key is missing, not that it is for chat."""
    named, lacking = ("text-embedding-3-small",), "K1 is not set"
    served = BackendSettings("a", "openai_wire", "openai", "http://127.0.0.1:1", models=named, missing=lacking)
    settings = WorkerSettings(served, ("r:1",), "w", 1)
    worker = Worker(settings, TwoModels(), Locality.HOST, SystemClock())
    await worker.refresh()
    [frame] = hello(worker, "1").frames
    assert [(model.model, model.mode) for model in frame.hello.models] == [("text-embedding-3-small", 0)]
    assert frame.hello.state_reason == "K1 is not set"
