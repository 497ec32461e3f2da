"""What callers are told of a way to a provider that broke: by its cause, never by the provider's bytes."""

import pytest

from provider_workers.backends.base import ProviderFailure
from provider_workers.backends.http import ProviderHttp
from provider_workers.settings import BackendSettings
from service_common.failures import FailureClass
from tests.support.web_server import answering

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
UNREADABLE = {
    "a length that is too short": (HEAD + b"Content-Length: 5\r\n\r\ndata: SECRET\n\n", "wrong Content-Length"),
    "a length that is no number": (HEAD + b"Content-Length: SECRET\r\n\r\n", "wrong Content-Length"),
    "a length that is too long": (HEAD + b"Content-Length: 500\r\n\r\nSECRET", "not as long as it said"),
    "a chunk that is cut": (HEAD + b"Transfer-Encoding: chunked\r\n\r\n20\r\nSECRET", "not as long as it said"),
    "a chunk without a size": (HEAD + b"Transfer-Encoding: chunked\r\n\r\nSECRET\r\n", "not in chunks"),
    "a giant header": (HEAD + b"X-A: " + b"SECRET" * 10_000 + b"\r\n\r\n", "headers are too large"),
    "another protocol": (b"\x00SECRET\r\n\r\n", "not HTTP"),
    "another encoding": (HEAD + b"Content-Encoding: gzip\r\n\r\nSECRET", "Content-Encoding"),
    "nothing": (b"", "gave no answer: the connection was closed"),
}


async def failure_of(base_url: str, *, proxied: bool = False) -> ProviderFailure:
    """How a request there fails."""
    http = ProviderHttp(BackendSettings("b", "openai_wire", "openai", base_url, proxied=proxied), {})
    try:
        with pytest.raises(ProviderFailure) as raised:
            async with http.exchange("GET", "models") as response:
                await response.read()
        return raised.value
    finally:
        await http.close()


@pytest.fixture
def through(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An environment without proxies, to name one in."""
    for scheme in ("http", "https", "no"):
        monkeypatch.delenv(f"{scheme}_proxy", raising=False)
        monkeypatch.delenv(f"{scheme}_proxy".upper(), raising=False)
    return monkeypatch


@pytest.mark.parametrize("what", UNREADABLE)
async def test_bytes_of_a_response_stand_in_no_message(what: str) -> None:
    """A response that cannot be read is told by what is wrong with it: its bytes are a caller's answer."""
    answer, told = UNREADABLE[what]
    async with answering(answer) as address:
        failure = await failure_of(f"http://{address}/v1")
    assert told in failure.message
    assert address in failure.message
    assert "SECRET" not in failure.message


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_proxy_that_cannot_be_reached_is_the_cause(through: pytest.MonkeyPatch, scheme: str) -> None:
    """By its host, port and variable, and without its password."""
    through.setenv(f"{scheme.upper()}_PROXY", "u:SECRETPW@127.0.0.1:9")
    failure = await failure_of(f"{scheme}://prov.invalid/v1", proxied=True)
    assert f"the proxy 127.0.0.1:9 ({scheme.upper()}_PROXY) on the way to prov.invalid" in failure.message
    assert "SECRETPW" not in failure.message


async def test_a_proxy_that_cannot_be_looked_up_is_the_cause(through: pytest.MonkeyPatch) -> None:
    """Not the provider, whose name nobody asked for."""
    through.setenv("HTTP_PROXY", "http://u:SECRETPW@proxy.invalid:9")
    failure = await failure_of("http://prov.invalid/v1", proxied=True)
    assert failure.message.startswith("the proxy proxy.invalid:9 (HTTP_PROXY) on the way to prov.invalid:80 cannot be")


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_proxy_that_wants_other_credentials_is_the_cause(through: pytest.MonkeyPatch, scheme: str) -> None:
    """407 is the proxy's, on a plain way and on a tunnel: no caller's mistake, and no provider's refusal."""
    async with answering(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n") as proxy:
        through.setenv(f"{scheme.upper()}_PROXY", f"u:SECRETPW@{proxy}")
        failure = await failure_of(f"{scheme}://prov.invalid/v1", proxied=True)
    assert failure.failure_class is FailureClass.UNAVAILABLE
    assert failure.message.startswith(f"the proxy {proxy} ({scheme.upper()}_PROXY) does not lead to prov.invalid:")
    assert "name and password" in failure.message
    assert "SECRETPW" not in failure.message


async def test_a_tunnel_that_a_proxy_refuses_is_told_as_that(through: pytest.MonkeyPatch) -> None:
    """With its status, which is not the provider's."""
    async with answering(b"HTTP/1.1 403 SECRET\r\nContent-Length: 0\r\n\r\n") as proxy:
        through.setenv("HTTPS_PROXY", proxy)
        failure = await failure_of("https://prov.invalid/v1", proxied=True)
    assert failure.message == f"the proxy {proxy} (HTTPS_PROXY) does not lead to prov.invalid:443 (HTTP 403)"
    assert failure.http_status == 0


async def test_a_proxy_is_named_where_either_may_have_broken_the_way(through: pytest.MonkeyPatch) -> None:
    """A connection that ends before an answer: the provider's or the proxy's doing."""
    async with answering(b"") as proxy:
        through.setenv("HTTP_PROXY", proxy)
        failure = await failure_of("http://prov.invalid/v1", proxied=True)
    assert failure.message.startswith(f"prov.invalid:80, by way of the proxy {proxy} (HTTP_PROXY), gave no answer: ")
