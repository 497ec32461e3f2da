"""What is sent for vectors, without I/O: the same rules for each kind of worker."""

from collections.abc import Callable
from typing import Any

import pytest

from provider_workers.backends.base import EmbedWork, ProviderFailure
from provider_workers.backends.litellm.request import embedding_arguments
from provider_workers.backends.ollama.request import embedding_body as ollama_body
from provider_workers.backends.openai_wire.embeddings import embedding_body as openai_body
from provider_workers.settings import BackendSettings
from service_common.failures import FailureClass
from trunkline.router.v1.router_service_pb2 import EmbedRequest

Made = Callable[[EmbedWork, BackendSettings], dict[str, Any]]

each_kind = pytest.mark.parametrize("made", [openai_body, ollama_body, embedding_arguments])


def settings(**options: Any) -> BackendSettings:
    """A backend with these options in the configuration."""
    return BackendSettings("here", "any", "any", "http://127.0.0.1:1", keep_alive="300s", options=options)


def work(**fields: Any) -> EmbedWork:
    """Two texts to turn into vectors."""
    return EmbedWork("embed-model", EmbedRequest(inputs=["red", "green"], **fields))


@each_kind
def test_the_options_of_the_configuration_are_sent(made: Made) -> None:
    """They go into every request body; what the caller passes through for this backend stands above them."""
    configured = settings(user="the configuration's", extra=1)
    body = made(work(dimensions=8), configured)
    assert (body["model"], body["input"], body["dimensions"]) == ("embed-model", ["red", "green"], 8)
    assert (body["user"], body["extra"]) == ("the configuration's", 1)
    passed = made(work(provider_options={"here": '{"user": "the caller\'s"}', "there": '{"extra": 2}'}), configured)
    assert (passed["user"], passed["extra"]) == ("the caller's", 1)


@each_kind
def test_what_was_routed_cannot_be_passed_through(made: Made) -> None:
    """Another model would escape the policy."""
    with pytest.raises(ProviderFailure, match=r"provider_options\.here") as raised:
        made(work(provider_options={"here": '{"model": "other"}'}), settings())
    assert raised.value.failure_class is FailureClass.INVALID_REQUEST


def test_options_of_ollamas_own_are_joined() -> None:
    """Ollama has options within the body's `options`: the caller's are added to the configuration's."""
    request = work(provider_options={"here": '{"options": {"num_gpu": 1, "num_thread": 4}}'})
    body = ollama_body(request, settings(options={"num_ctx": 8192, "num_gpu": 0}))
    assert body["options"] == {"num_ctx": 8192, "num_gpu": 1, "num_thread": 4}
    assert (body["truncate"], body["keep_alive"]) == (False, "300s")
