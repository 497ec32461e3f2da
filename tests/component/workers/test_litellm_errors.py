"""What litellm's exceptions come to, of providers that the conformance suite does not start."""

import socket
from collections.abc import Iterator

import pytest

from provider_workers.backends.base import Finish, Piece, ProviderFailure, Text, Work
from provider_workers.backends.litellm.adapter import LiteLLMBackend
from provider_workers.settings import BackendSettings
from provider_workers.simulated import Behaviour, ProviderSpec, SimulatedProviders
from service_common.clock import SystemClock
from service_common.failures import FailureClass
from tests.support.worker_processes import question

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning")  # litellm's own

KEY = "a-key-of-azure-1234567890"
MODELS = {
    "bedrock": "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
    "azure": "gpt-4o-mini",
    "anthropic": "claude-haiku-4-5",
    "cohere": "command-a-03-2025",
}


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """What these providers' libraries read, and no download of prices."""
    for name, value in {
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "AWS_ACCESS_KEY_ID": "AKIAABCDEFGHIJKLMNOP",
        "AWS_SECRET_ACCESS_KEY": "s" * 40,
        "AWS_REGION": "us-east-1",
        "AZURE_API_VERSION": "2024-10-21",
    }.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def nobody() -> Iterator[str]:
    """The address of a port where nobody listens, kept from others."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{bound.getsockname()[1]}"


async def pieces(provider: str, base_url: str, key: str) -> list[Piece]:
    """What one provider answers."""
    settings = BackendSettings(provider, "litellm", provider, base_url, api_key=key)
    backend = LiteLLMBackend(settings, SystemClock())
    try:
        work = Work(MODELS[provider], question("Hi"))
        return [piece async for batch in backend.complete(work) for piece in batch]
    finally:
        await backend.close()


@pytest.mark.parametrize("provider", MODELS)
async def test_a_refused_connection_is_unavailable(provider: str, nobody: str) -> None:
    """Nobody is overloaded where nobody listens, whatever litellm makes of it; the address is told, its insides not."""
    with pytest.raises(ProviderFailure) as caught:
        await pieces(provider, nobody, "" if provider == "bedrock" else KEY)
    failure = caught.value
    assert (failure.failure_class, failure.http_status) == (FailureClass.UNAVAILABLE, 0), failure.message
    assert nobody.removeprefix("http://") in failure.message
    assert "SSLContext" not in failure.message


async def test_azure_is_asked_with_its_key() -> None:
    """Azure's key travels in a header of its own; another key is refused as one."""
    spec = ProviderSpec("azure", wire="openai", models=(MODELS["azure"],), behaviour=Behaviour(api_key=KEY))
    async with SimulatedProviders([spec]) as sim:
        base_url = sim.base_url("azure").removesuffix("/v1")
        answer = await pieces("azure", base_url, KEY)
        assert isinstance(answer[-1], Finish)
        assert "".join(piece.text for piece in answer if isinstance(piece, Text))
        with pytest.raises(ProviderFailure) as caught:
            await pieces("azure", base_url, "another-key-1234567890")
        assert (caught.value.failure_class, caught.value.http_status) == (FailureClass.AUTH, 401)
