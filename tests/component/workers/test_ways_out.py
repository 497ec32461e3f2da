"""How a worker reaches its provider: proxies of the environment, certificate authorities of one's own."""

import asyncio
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from yarl import URL

from provider_workers.backends.http import ProviderHttp
from provider_workers.backends.proxies import proxy_for
from provider_workers.settings import BackendSettings
from provider_workers.simulated import ProviderSpec, SimulatedProviders
from tests.support.ways import Address, behind_tls, certificate_for, forward_proxy
from tests.support.worker_harness import ScriptedRouter
from tests.support.worker_processes import complete_body, worker_process
from trunkline.worker.v1 import worker_service_pb2 as wire

MODELS = {"openai": "gpt-4o-mini", "anthropic": "claude-haiku-4-5"}
KINDS = {"openai": "openai_wire", "anthropic": "litellm"}
ELSEWHERE = "provider.invalid"
"""A name that nobody can look up: only a proxy gets there."""

DEAD = "http://127.0.0.1:9"
both = pytest.mark.parametrize("provider", MODELS)


@pytest.fixture
async def sim() -> AsyncIterator[SimulatedProviders]:
    """Providers for either kind of worker."""
    async with SimulatedProviders([ProviderSpec(name) for name in MODELS]) as providers:
        yield providers


def address(sim: SimulatedProviders, provider: str) -> Address:
    """Where a provider listens."""
    found = urlsplit(sim.base_url(provider))
    assert found.hostname
    assert found.port
    return found.hostname, found.port


def arguments(provider: str, base_url: str, router: str) -> list[str]:
    """The command line of a worker."""
    known = ["--backend", provider, "--kind", KINDS[provider], "--base-url", base_url]
    return [*known, "--model", MODELS[provider], "--router", router]


def at(scheme: str, host: str, sim: SimulatedProviders, provider: str) -> str:
    """A provider's base URL under another scheme and host."""
    return f"{scheme}://{host}{urlsplit(sim.base_url(provider)).path}"


def environment(**more: str) -> dict[str, str]:
    """A key, and no proxy but those given."""
    none = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"), "")
    return {**none, "TRUNKLINE_BACKEND_API_KEY": "sk-1234567890", **more}


async def answered(router: ScriptedRouter, provider: str) -> None:
    """The worker is ready, and an attempt is answered."""
    worker = await router.worker()
    assert worker.hello.state == wire.WORKER_STATE_READY, worker.hello.state_reason
    await worker.dispatch(complete_body(), MODELS[provider]).finished()


@both
async def test_a_proxy_of_the_environment_is_used(sim: SimulatedProviders, provider: str) -> None:
    """HTTP_PROXY leads to a provider whose address only the proxy knows."""
    async with forward_proxy(address(sim, provider)) as proxy, ScriptedRouter() as router:
        command = arguments(provider, at("http", ELSEWHERE, sim, provider), router.address)
        async with worker_process(command, environment(HTTP_PROXY=proxy.url, http_proxy=proxy.url)):
            await answered(router, provider)
        assert set(proxy.asked) == {ELSEWHERE}


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_proxy_gets_the_credentials_of_its_address(
    sim: SimulatedProviders, scheme: str, tmp_path: Path
) -> None:
    """A proxy that wants a name and a password gets those that HTTP_PROXY or HTTPS_PROXY holds."""
    certificate, key = await certificate_for(ELSEWHERE, tmp_path)
    async with AsyncExitStack() as started:
        destination = address(sim, "openai")
        if scheme == "https":
            destination = await started.enter_async_context(behind_tls(destination, certificate, key))
        proxy = await started.enter_async_context(forward_proxy(destination))
        router = await started.enter_async_context(ScriptedRouter())
        named = proxy.url.replace("http://", "http://me:secret@")
        more = {f"{scheme}_proxy": named, f"{scheme.upper()}_PROXY": named, "REQUESTS_CA_BUNDLE": str(certificate)}
        command = arguments("openai", at(scheme, ELSEWHERE, sim, "openai"), router.address)
        await started.enter_async_context(worker_process(command, environment(**more)))
        await answered(router, "openai")
        assert set(proxy.credentials) == {f"Basic {b64encode(b'me:secret').decode()}"}


@pytest.mark.parametrize("variable", ["no_proxy", "NO_PROXY"])
def test_no_proxy_is_heeded(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    """NO_PROXY takes hosts out, another scheme has another proxy, and one that speaks TLS itself is not used."""
    for name, value in environment(http_proxy=DEAD, **{variable: "near.example"}).items():
        monkeypatch.setenv(name, value)
        if not value:
            monkeypatch.delenv(name)
    assert proxy_for(URL("http://near.example/v1")) is None
    assert proxy_for(URL("http://far.example/v1")) == URL(DEAD)
    assert proxy_for(URL("https://far.example/v1")) is None
    monkeypatch.setenv("http_proxy", "https://127.0.0.1:9")
    assert proxy_for(URL("http://far.example/v1")) is None


@both
async def test_a_malformed_proxy_is_told_and_ends_nothing(sim: SimulatedProviders, provider: str) -> None:
    """The worker attaches and says which variable is wrong, without what stands in it."""
    async with ScriptedRouter() as router:
        command = arguments(provider, at("http", ELSEWHERE, sim, provider), router.address)
        bad = "http://u:SECRETPW@[bad"
        async with worker_process(command, environment(HTTP_PROXY=bad, http_proxy=bad)):
            worker = await router.worker()
            assert worker.hello.state == wire.WORKER_STATE_NOT_CONFIGURED
            assert "http_proxy is no address of a proxy" in worker.hello.state_reason
            assert "SECRETPW" not in worker.hello.state_reason


@both
async def test_a_provider_on_this_host_needs_no_proxy(sim: SimulatedProviders, provider: str) -> None:
    """A proxy of the environment that is dead stops no worker whose provider is on its host."""
    async with ScriptedRouter() as router:
        command = arguments(provider, sim.base_url(provider), router.address)
        async with worker_process(command, environment(HTTP_PROXY=DEAD, http_proxy=DEAD)):
            await answered(router, provider)


@both
async def test_tls_through_a_tunnel_under_a_private_authority(
    sim: SimulatedProviders, provider: str, tmp_path: Path
) -> None:
    """HTTPS_PROXY tunnels, and the authority of REQUESTS_CA_BUNDLE is trusted."""
    certificate, key = await certificate_for(ELSEWHERE, tmp_path)
    async with (
        behind_tls(address(sim, provider), certificate, key) as secured,
        forward_proxy(secured) as proxy,
        ScriptedRouter() as router,
    ):
        command = arguments(provider, at("https", ELSEWHERE, sim, provider), router.address)
        more = {"HTTPS_PROXY": proxy.url, "https_proxy": proxy.url, "REQUESTS_CA_BUNDLE": str(certificate)}
        async with worker_process(command, environment(**more)):
            await answered(router, provider)
        assert set(proxy.asked) == {f"{ELSEWHERE}:443"}


async def test_the_file_names_an_authority(sim: SimulatedProviders, tmp_path: Path) -> None:
    """`ca_file` of the backend is trusted, for a provider on this host too."""
    certificate, key = await certificate_for("localhost", tmp_path)
    async with behind_tls(address(sim, "openai"), certificate, key) as (_, port), ScriptedRouter() as router:
        file = tmp_path / "trunkline.yaml"
        file.write_text(
            f"backends:\n  openai:\n    kind: openai_wire\n    base_url: https://localhost:{port}/v1\n"
            f"    ca_file: {certificate}\nmodels:\n  openai/gpt-4o-mini: {{quality: 0.5}}\n",
            encoding="utf-8",
        )
        command = ["--config", str(file), "--backend", "openai", "--router", router.address]
        async with worker_process(command, environment()):
            await answered(router, "openai")


async def test_an_unknown_authority_is_named(sim: SimulatedProviders, tmp_path: Path) -> None:
    """Without it the worker says at start that TLS failed, and where to write the authority."""
    certificate, key = await certificate_for("localhost", tmp_path)
    async with behind_tls(address(sim, "openai"), certificate, key) as (_, port), ScriptedRouter() as router:
        command = arguments("openai", f"https://localhost:{port}/v1", router.address)
        async with worker_process(command, environment()):
            worker = await router.worker()
            assert worker.hello.state == wire.WORKER_STATE_UNHEALTHY
            assert "ca_file" in worker.hello.state_reason
            assert "ca_file" in (await worker.dispatch(complete_body(), "gpt-4o-mini").failed()).message


async def test_the_query_of_an_address_goes_with_every_request() -> None:
    """Azure's has the version of the interface; a path goes before it, and a query of the path's own behind it."""
    asked: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append((await reader.readuntil(b"\r\n\r\n")).split()[1])
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        where = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/openai/v1?api-version=preview"
        http = ProviderHttp(BackendSettings("b", "openai_wire", "azure", where), {})
        for path in ("models", "models?limit=9"):
            async with http.exchange("GET", path) as response:
                await response.read()
        await http.close()
    assert asked == [b"/openai/v1/models?api-version=preview", b"/openai/v1/models?api-version=preview&limit=9"]
