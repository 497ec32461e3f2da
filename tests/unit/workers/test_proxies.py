"""Proxies as the environment spells them: with a scheme or without, malformed, with a password that nobody is shown."""

import pytest
from yarl import URL

from provider_workers.backends.proxies import ProxyError, proxy_for

PROVIDER = URL("http://far.example/v1")


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    """None but those of the test."""
    for name in ("http_proxy", "HTTP_PROXY", "no_proxy", "NO_PROXY", "REQUEST_METHOD"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("u:SECRETPW@127.0.0.1:9", "http://u:SECRETPW@127.0.0.1:9"),
        ("localhost:9", "http://localhost:9"),
        (" http://127.0.0.1:9 ", "http://127.0.0.1:9"),
        ("HTTP://127.0.0.1:9", "http://127.0.0.1:9"),
        ("http://u:a%23b@[::1]:9", "http://u:a%23b@[::1]:9"),
    ],
)
def test_a_proxy_without_a_scheme_is_taken_as_curl_takes_it(
    monkeypatch: pytest.MonkeyPatch, said: str, meant: str
) -> None:
    """`host:port`, also behind a name and password, and blanks around an address."""
    monkeypatch.setenv("HTTP_PROXY", said)
    assert proxy_for(PROVIDER) == URL(meant)


def test_blanks_are_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a variable that is empty."""
    monkeypatch.setenv("HTTP_PROXY", "   ")
    assert proxy_for(PROVIDER) is None


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("http://u:SECRETPW@[bad", "its brackets"),
        ("http://u:SECRETPW@127.0.0.1:notaport", "its port is no number"),
        ("u:SECRETPW@127.0.0.1:99999", "its port is no number"),
        ("http://u:SECRETPW@", "it names no host"),
        (f"http://u:SECRETPW@{'a' * 70}.com:1", "its host is no name"),
        ("socks5://u:SECRETPW@127.0.0.1:9", "another kind than http://"),
        ("http://u:12/SECRETPW@127.0.0.1:9", "%2F"),
        ("http://u:12#SECRETPW@127.0.0.1:9", "%23"),
    ],
)
@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy"])
def test_a_malformed_proxy_is_told_by_its_variable(
    monkeypatch: pytest.MonkeyPatch, variable: str, said: str, told: str
) -> None:
    """What is wrong with it, without any part of its password."""
    monkeypatch.setenv(variable, said)
    with pytest.raises(ProxyError, match=f"^{variable} ") as raised:
        proxy_for(PROVIDER)
    assert told in str(raised.value)
    assert "SECRETPW" not in str(raised.value)
