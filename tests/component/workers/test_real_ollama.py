"""The Ollama backend against a real Ollama with a tiny model."""

import pytest

from service_common.failures import FailureClass
from tests.support.ollama import Ollama
from tests.support.worker_harness import ScriptedRouter, seconds
from tests.support.worker_processes import complete_body, embed_body, question, worker_process
from trunkline.router.v1.router_service_pb2 import EmbedResponse
from trunkline.types.v1 import chat_pb2 as chat
from trunkline.types.v1.classification_pb2 import SENSITIVITY_CONFIDENTIAL
from trunkline.types.v1.target_pb2 import LOCALITY_HOST
from trunkline.worker.v1 import worker_service_pb2 as wire

pytestmark = [pytest.mark.ollama, pytest.mark.timeout(60)]


async def test_a_real_ollama_answers_and_is_described(ollama: Ollama) -> None:
    """Discovery, confidential chat, length, embeddings, warm-up and residence, against the real server."""
    command = ["--backend", "ollama", "--kind", "ollama", "--base-url", ollama.base_url, "--discover"]
    async with ScriptedRouter() as router, worker_process([*command, "--router", router.address]):
        worker = await router.worker()
        assert worker.hello.locality == LOCALITY_HOST
        assert worker.hello.clearance == SENSITIVITY_CONFIDENTIAL
        [facts] = [model for model in worker.hello.models if model.model == "tiny"]
        assert facts.context_window_tokens > 0
        patience = seconds(30)
        warm = worker.dispatch(b"", "tiny", operation=wire.OPERATION_WARM_UP, time_left=patience)
        await warm.finished()
        short = question("Tell me about bridges.", parameters=chat.GenerationParameters(max_output_tokens=8, seed=1))
        tried = worker.dispatch(complete_body(short), "tiny", sensitivity=SENSITIVITY_CONFIDENTIAL, time_left=patience)
        finished = await tried.finished()
        assert finished.finish_reason in (chat.FINISH_REASON_LENGTH, chat.FINISH_REASON_STOP)
        assert tried.text
        assert 0 < finished.usage.output_tokens <= 8
        embedded = worker.dispatch(
            embed_body("red", "green"), "tiny", operation=wire.OPERATION_EMBED, time_left=patience
        )
        vectors = EmbedResponse.FromString((await embedded.finished()).body).embeddings
        assert len({len(vector.values) for vector in vectors}) == 1


async def test_a_real_ollamas_words_are_understood(ollama: Ollama) -> None:
    """A model that is not there, and tools that the model cannot call, are unsupported: another target may serve."""
    command = ["--backend", "ollama", "--kind", "ollama", "--base-url", ollama.base_url, "--discover"]
    async with ScriptedRouter() as router, worker_process([*command, "--router", router.address]):
        worker = await router.worker()
        absent = worker.dispatch(complete_body(), "no-such-model")
        assert await absent.failure_class() is FailureClass.UNSUPPORTED
        tools = question("What is the weather?", tools=[chat.Tool(name="get_weather", description="The weather")])
        tried = worker.dispatch(complete_body(tools), "tiny", time_left=seconds(30))
        assert await tried.failure_class() is FailureClass.UNSUPPORTED
