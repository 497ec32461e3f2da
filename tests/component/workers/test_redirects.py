"""A redirect is never followed: the key and the prompt would go to somebody whom nobody configured."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, nullcontext

import httpx
import pytest

from provider_workers.backends.base import BackendAdapter, EmbedWork, ProviderFailure, Work
from provider_workers.backends.litellm.adapter import LiteLLMBackend
from provider_workers.backends.litellm.redirects import refuse_redirects
from provider_workers.backends.ollama.adapter import OllamaBackend
from provider_workers.backends.openai_wire.adapter import OpenAIWireBackend
from provider_workers.settings import BackendSettings
from service_common.clock import Clock, SystemClock
from service_common.failures import FailureClass
from service_common.vocabulary import WorkerState
from tests.support.web_server import redirecting
from tests.support.worker_processes import question
from trunkline.router.v1.router_service_pb2 import EmbedRequest

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning")  # litellm's own

KINDS: Mapping[str, Callable[[BackendSettings, Clock], BackendAdapter]] = {
    "openai_wire": OpenAIWireBackend,
    "ollama": OllamaBackend,
    "litellm": LiteLLMBackend,
}
both_wires = pytest.mark.parametrize("kind", ["openai_wire", "ollama"])
statuses = pytest.mark.parametrize("status", [302, 307])
"""What turns a POST into a GET, and what sends it on with its body."""


@asynccontextmanager
async def backend(kind: str, provider: str, where: str) -> AsyncIterator[BackendAdapter]:
    """A backend with a key, at that address."""
    settings = BackendSettings("b", kind, provider, f"http://{where}/v1", api_key="sk-KEY", models=("m",))
    made = KINDS[kind](settings, SystemClock())
    try:
        yield made
    finally:
        await made.close()


async def complete(asked: BackendAdapter) -> None:
    """Ask for a chat answer."""
    async for _ in asked.complete(Work("m", question("Hi"))):
        pass


async def embed(asked: BackendAdapter) -> None:
    """Ask for vectors."""
    await asked.embed(EmbedWork("m", EmbedRequest(inputs=["red"])))


async def probe(asked: BackendAdapter) -> None:
    """Ask whether it serves."""
    await asked.probe()


def check(failure: ProviderFailure, status: int) -> None:
    """It says where the address leads and what to do, without what may be a secret."""
    assert failure.failure_class is FailureClass.UNAVAILABLE
    assert f"HTTP {status}" in failure.message
    assert "redirects to http://127.0.0.1:" in failure.message
    assert failure.message.endswith("/elsewhere; correct base_url")


@both_wires
@statuses
@pytest.mark.parametrize("ask", [complete, embed, probe])
async def test_the_other_server_is_never_asked(
    kind: str, status: int, ask: Callable[[BackendAdapter], Awaitable[None]]
) -> None:
    """Neither a chat answer nor vectors nor a probe follow; the failure is the target's, so that others may serve."""
    async with redirecting(status) as (where, asked), backend(kind, "any", where) as made:
        with pytest.raises(ProviderFailure) as raised:
            await ask(made)
        assert not asked
    check(raised.value, status)
    assert raised.value.http_status == status


@pytest.mark.parametrize(("kind", "provider"), [("openai_wire", "any"), ("ollama", "any"), ("litellm", "anthropic")])
async def test_a_list_of_models_is_not_followed(kind: str, provider: str) -> None:
    """The look at a provider that redirects is a state with the reason."""
    async with redirecting(302) as (where, asked), backend(kind, provider, where) as made:
        found = await made.describe()
        assert not asked
    assert found.state is WorkerState.UNHEALTHY
    assert found.state_reason.endswith("/elsewhere; correct base_url")


@statuses
@pytest.mark.parametrize("provider", ["anthropic", "gemini", "azure", "mistral"])
async def test_litellm_does_not_follow_either(provider: str, status: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Left to itself it would, with the key in headers that its HTTP library does not take for one."""
    monkeypatch.setenv("AZURE_API_VERSION", "2024-10-21")
    async with redirecting(status) as (where, asked), backend("litellm", provider, where) as made:
        with pytest.raises(ProviderFailure) as raised:
            await complete(made)
        assert not asked
    check(raised.value, status)


def test_a_public_address_may_redirect() -> None:
    """litellm fetches pictures of prompts for some providers, from where they are, without a key."""
    refuse_redirects()
    elsewhere = {"location": "https://b.invalid/picture.png"}
    for method, headers, refused in (("GET", {}, False), ("GET", {"x-api-key": "k"}, True), ("POST", {}, True)):
        asked = httpx.Request(method, "https://a.invalid/picture.png", headers=headers)
        response = httpx.Response(302, headers=elsewhere, request=asked)
        with pytest.raises(httpx.TransportError) if refused else nullcontext():
            assert response.has_redirect_location
