"""What litellm's exceptions come to, of providers that the conformance suite does not start."""

import socket
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace

import pytest
import pytest_asyncio

from provider_workers.backends.base import EmbedWork, Finish, Piece, ProviderFailure, Text, TokenUsage, Work
from provider_workers.backends.litellm.adapter import LiteLLMBackend
from provider_workers.settings import BackendSettings
from provider_workers.simulated import Behaviour, Fault, ProviderSpec, SimulatedProviders
from service_common.clock import SystemClock
from service_common.failures import FailureClass
from service_common.vocabulary import WorkerState
from tests.support.web_server import answering
from tests.support.worker_processes import question
from trunkline.router.v1.router_service_pb2 import EmbedRequest

pytestmark = [
    pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning"),  # litellm's own
    pytest.mark.usefixtures("provider_variables"),
]

KEY = "a-key-of-azure-1234567890"
MODELS = {
    "bedrock": "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
    "azure": "gpt-4o-mini",
    "anthropic": "claude-haiku-4-5",
    "cohere": "command-a-03-2025",
}
WIRES = {"anthropic": MODELS["anthropic"], "gemini": "gemini-2.5-flash"}
PAGE = b"<!DOCTYPE HTML>\n<html><body>Unsupported method ('POST').</body></html>\n"


@pytest.fixture
def nobody() -> Iterator[str]:
    """The address of a port where nobody listens, kept from others."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{bound.getsockname()[1]}"


@pytest_asyncio.fixture
async def web_server() -> AsyncIterator[str]:
    """The address of a server that answers every request with a page and status 501."""
    head = f"HTTP/1.1 501 Unsupported\r\nContent-Type: text/html\r\nContent-Length: {len(PAGE)}\r\n\r\n".encode()
    async with answering(head + PAGE) as where:
        yield f"http://{where}"


async def pieces(provider: str, base_url: str, key: str) -> list[Piece]:
    """What one provider answers."""
    settings = BackendSettings(provider, "litellm", provider, base_url, api_key=key)
    backend = LiteLLMBackend(settings, SystemClock())
    try:
        work = Work({**WIRES, **MODELS}.get(provider, "some-model"), question("Hi"))
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


@pytest.mark.parametrize("provider", WIRES)
async def test_a_simulated_provider_fails_on_demand(provider: str) -> None:
    """By the caller's option, as behind other kinds; a real provider gets no such thing."""
    option = {provider: '{"trunkline_sim": {"fault": "503"}}'}
    work = Work(WIRES[provider], question("Hi", provider_options=option))
    async with SimulatedProviders([ProviderSpec(provider)]) as sim:
        settings = BackendSettings(provider, "litellm", provider, sim.base_url(provider), api_key=KEY, simulated=True)
        for simulated, status in ((True, 503), (False, 0)):
            backend = LiteLLMBackend(replace(settings, simulated=simulated), SystemClock())
            with pytest.raises(ProviderFailure) as caught:
                _ = [batch async for batch in backend.complete(work)]
            await backend.close()
            assert caught.value.http_status == status, caught.value.message
        assert "trunkline_sim" in caught.value.message
        assert [request.outcome for request in sim.requests(provider)] == ["fault:503"]


@pytest.mark.parametrize("provider", WIRES)
async def test_a_simulated_provider_needs_no_key(provider: str) -> None:
    """Although litellm calls nobody without one."""
    async with SimulatedProviders([ProviderSpec(provider)]) as sim:
        settings = BackendSettings(provider, "litellm", provider, sim.base_url(provider), simulated=True)
        backend = LiteLLMBackend(settings, SystemClock())
        batches = [batch async for batch in backend.complete(Work(WIRES[provider], question("Hi")))]
        await backend.close()
        assert isinstance(batches[-1][-1], Finish)


@pytest.mark.parametrize("provider", WIRES)
@pytest.mark.parametrize("fault", ["reset", "cut", "503"])
async def test_a_provider_is_asked_once(provider: str, fault: str) -> None:
    """The router decides what is tried again; litellm by itself asks once more where a connection was reset."""
    async with SimulatedProviders([ProviderSpec(provider, behaviour=Behaviour(faults=(Fault(fault),)))]) as sim:
        with pytest.raises(ProviderFailure):
            await pieces(provider, sim.base_url(provider), KEY)
        assert [request.outcome for request in sim.requests(provider)] == [f"fault:{fault}"]


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


async def test_a_misspelt_provider_is_a_state_and_no_end_of_the_chain(nobody: str) -> None:
    """The worker says it at its start, with the nearest name; a call that is made all the same may fall back."""
    backend = LiteLLMBackend(BackendSettings("n", "litellm", "antropic", nobody, api_key=KEY), SystemClock())
    found = await backend.describe()
    assert found.state is WorkerState.NOT_CONFIGURED
    assert '"antropic"' in found.state_reason
    assert 'Did you mean "anthropic"?' in found.state_reason
    with pytest.raises(ProviderFailure) as caught:
        await pieces("antropic", nobody, KEY)
    assert caught.value.failure_class is FailureClass.UNSUPPORTED
    assert "docs.litellm.ai" not in caught.value.message
    await backend.close()


@pytest.mark.parametrize("provider", ["anthropic", "gemini", "azure_ai", "llamagate", "custom_openai"])
async def test_a_provider_that_litellm_knows_is_no_mistake(provider: str) -> None:
    """Whether it stands in litellm's own list or in its list of compatible ones."""
    backend = LiteLLMBackend(BackendSettings("n", "litellm", provider, "http://127.0.0.1:1"), SystemClock())
    assert (await backend.describe()).state is not WorkerState.NOT_CONFIGURED
    await backend.close()


@pytest.mark.parametrize("provider", ["anthropic", "gemini", "cohere"])
async def test_a_page_instead_of_an_error_is_told_as_one(provider: str, web_server: str) -> None:
    """Not the page itself, let alone as Python writes bytes, but what it means."""
    with pytest.raises(ProviderFailure) as caught:
        await pieces(provider, web_server, KEY)
    assert (caught.value.failure_class, caught.value.http_status) == (FailureClass.UNAVAILABLE, 501)
    assert "is base_url the provider's address?" in caught.value.message
    assert "<html" not in caught.value.message


@pytest.mark.parametrize("provider", WIRES)
@pytest.mark.parametrize("fault", ["html_200", "wrong_wire", "other_shape"])
async def test_an_answer_that_is_none_raises_the_doubt_of_the_address(provider: str, fault: str) -> None:
    """litellm passes over what it cannot read; the failure names where it came from."""
    async with SimulatedProviders([ProviderSpec(provider, behaviour=Behaviour(faults=(Fault(fault),)))]) as sim:
        base_url = sim.base_url(provider)
        with pytest.raises(ProviderFailure) as caught:
            await pieces(provider, base_url, KEY)
    assert caught.value.failure_class is FailureClass.STREAM_BROKEN
    assert base_url.split("/")[2] in caught.value.message
    assert "the address of this provider?" in caught.value.message


@pytest.mark.parametrize("provider", WIRES)
async def test_an_error_inside_an_answer_is_in_the_providers_words(provider: str) -> None:
    """Nothing of litellm's classes and of what its caller's code should do."""
    failing = Behaviour(faults=(Fault("error_in_stream", after_tokens=2),))
    async with SimulatedProviders([ProviderSpec(provider, behaviour=failing)]) as sim:
        with pytest.raises(ProviderFailure) as caught:
            await pieces(provider, sim.base_url(provider), KEY)
    assert caught.value.message.lower().replace("an ", "").startswith("internal ")
    assert "litellm" not in caught.value.message


@pytest.mark.parametrize("provider", ["anthropic", "gemini", "azure"])
async def test_a_cut_answer_is_told_as_every_worker_tells_it(provider: str) -> None:
    """Not by the HTTP library's words, with a 400 that nobody answered."""
    cut = Behaviour(faults=(Fault("cut", after_tokens=2),))
    wire = "openai" if provider == "azure" else provider
    models = (MODELS[provider],) if provider == "azure" else ()
    async with SimulatedProviders([ProviderSpec(provider, wire=wire, models=models, behaviour=cut)]) as sim:
        base_url = sim.base_url(provider).removesuffix("/v1")
        with pytest.raises(ProviderFailure) as caught:
            await pieces(provider, base_url, KEY)
    assert caught.value.failure_class is FailureClass.STREAM_BROKEN
    where = base_url.split("/")[2]
    assert caught.value.message == f"the answer of {where} broke off: its body is not as long as it said"


async def test_a_wire_of_another_provider_is_no_empty_answer() -> None:
    """Also where litellm takes a count of tokens out of it."""
    other = Behaviour(faults=(Fault("wrong_wire", wire="anthropic"),))
    spec = ProviderSpec("azure", wire="openai", models=(MODELS["azure"],), behaviour=other)
    async with SimulatedProviders([spec]) as sim:
        with pytest.raises(ProviderFailure, match=r"is 127\.0\.0\.1:\d+ the address of this provider\?"):
            await pieces("azure", sim.base_url("azure").removesuffix("/v1"), KEY)


@pytest.mark.parametrize("provider", WIRES)
async def test_usage_that_the_provider_did_not_report_is_none(provider: str) -> None:
    """litellm fills it in with its own count, which is no report: the router's estimate would learn from it."""
    silent = Behaviour(faults=(Fault("no_usage"),))
    async with SimulatedProviders([ProviderSpec(provider, behaviour=silent)]) as sim:
        answer = await pieces(provider, sim.base_url(provider), KEY)
    assert isinstance(answer[-1], Finish)
    assert not [piece for piece in answer if isinstance(piece, TokenUsage)]


async def test_a_count_of_geminis_embeddings_is_litellms_own() -> None:
    """Gemini tells none for embeddings, so that none is passed on."""
    async with SimulatedProviders([ProviderSpec("gemini")]) as sim:
        settings = BackendSettings("gemini", "litellm", "gemini", sim.base_url("gemini"), api_key=KEY)
        backend = LiteLLMBackend(settings, SystemClock())
        vectors = await backend.embed(EmbedWork("gemini-embedding-001", EmbedRequest(inputs=["a text"])))
        await backend.close()
    assert vectors.values
    assert vectors.usage is None


@pytest.mark.parametrize("answer", [b"HTTP/1.1 200 OK\r\nX-A: " + b"SECRET" * 10_000 + b"\r\n\r\n", b"SECRET\r\n\r\n"])
async def test_bytes_of_a_response_that_is_not_http_stand_in_no_message(answer: bytes) -> None:
    """They may be a caller's answer; what is wrong is told in words of our own."""
    async with answering(answer) as where:
        with pytest.raises(ProviderFailure) as raised:
            await pieces("anthropic", f"http://{where}", KEY)
    assert raised.value.failure_class is FailureClass.UNAVAILABLE
    assert raised.value.message.startswith(f"{where} gave no answer: the response")
    assert "SECRET" not in raised.value.message


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_proxy_that_wants_other_credentials_is_the_cause(monkeypatch: pytest.MonkeyPatch, scheme: str) -> None:
    """Not the provider, and not the caller."""
    async with answering(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n") as proxy:
        monkeypatch.setenv(f"{scheme}_proxy", f"u:SECRETPW@{proxy}")
        with pytest.raises(ProviderFailure) as raised:
            await pieces("anthropic", f"{scheme}://prov.invalid", KEY)
    assert raised.value.failure_class is FailureClass.UNAVAILABLE
    assert raised.value.message.startswith("the proxy that HTTP_PROXY or HTTPS_PROXY names does not lead")
    assert "SECRETPW" not in raised.value.message
