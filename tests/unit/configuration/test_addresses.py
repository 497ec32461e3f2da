"""Addresses of providers: what cannot be one is told, wherever it is written, and without what may be a secret."""

from pathlib import Path

import pytest

from provider_workers.arguments import UsageError, parse
from service_common.configuration import Configuration, ConfigurationErrors, parse_configuration, wrong_addresses
from service_common.urls import fault_of_url

WRONG = {
    "http://x y/v1": "it holds a blank",
    "http://x/v 1": "it holds a blank",
    "http://x/v1\n": "it holds a blank",
    "http://x/\x07": "it holds a blank",
    "https://x/v1?key=CANARY": "it has a query",
    "https://x/v1?": "it has a query",
    "https://x/v1#CANARY": "it has a fragment",
    "ftp://x": "it begins with http:// or https://",
}


def written(address: str, provider: str = "openai") -> Configuration:
    """A configuration with this address."""
    kind = "openai_wire" if provider == "openai" else "litellm"
    backend = f"{{kind: {kind}, provider: {provider}, base_url: {address!r}, api_key: '${{K}}'}}"
    return parse_configuration(f"backends: {{o: {backend}}}", Path("f"), {})


@pytest.mark.parametrize("address", WRONG)
def test_what_is_no_address_is_told(address: str) -> None:
    """In the file, on a worker's command line, and in the environment."""
    assert fault_of_url(address).startswith(WRONG[address])
    if address.isprintable():
        with pytest.raises(ConfigurationErrors, match=WRONG[address]) as caught:
            written(address)
        assert "CANARY" not in str(caught.value)
    with pytest.raises(UsageError, match=WRONG[address]):
        parse(["--backend", "o", "--kind", "openai_wire", "--base-url", address], {})
    (mistake,) = wrong_addresses({"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": address.strip() + " x"})
    assert "CANARY" not in str(mistake)


@pytest.mark.parametrize("address", ["HTTP://X", "Https://x.test:443/v1", "http://[::1]:1/", "http://zoë.test/v1"])
def test_what_is_an_address_is_none_the_less(address: str) -> None:
    """The scheme in whatever letters, a port, an address in brackets, a name in another alphabet."""
    assert not fault_of_url(address)
    assert written(address).backends["o"].base_url == address.rstrip("/")


def test_an_azure_address_may_have_a_query(tmp_path: Path) -> None:
    """As its portal shows it, with the version of the interface."""
    address = "https://x.openai.azure.com/openai/deployments/d/chat/completions?api-version=2024-10-21"
    assert written(address, "azure").backends["o"].base_url == address
    with pytest.raises(ConfigurationErrors, match="it has a query"):
        written(address, "anthropic")
    assert not wrong_addresses({"AZURE_API_KEY": "k", "AZURE_API_BASE": address})
    file = tmp_path / "f.yaml"
    file.write_text("backends: {o: {kind: litellm, provider: azure, base_url: '${BASE}', api_key: '${K}'}}")
    environment = {"BASE": f"{address}\n", "K": "k", "TRUNKLINE_WORKER_TOKEN": "t"}
    assert parse(["--config", str(file), "--backend", "o"], environment).worker.backend.base_url == address


@pytest.mark.parametrize("provider", ["openai", ""])
def test_so_may_one_of_the_azure_dialect(tmp_path: Path, provider: str) -> None:
    """Whatever its provider and its name: in the file, out of the environment, and on a worker's command line."""
    address = "https://x.test/openai/v1?api-version=preview"
    backend = f"kind: openai_wire, dialect: azure, provider: '{provider}', api_key: '${{K}}'"
    parsed = parse_configuration(f"backends: {{mine: {{{backend}, base_url: '{address}'}}}}", Path("f"), {})
    assert parsed.backends["mine"].base_url == address
    file = tmp_path / "f.yaml"
    file.write_text(f"backends: {{mine: {{{backend}, base_url: '${{BASE}}'}}}}")
    environment = {"BASE": address, "K": "k", "TRUNKLINE_WORKER_TOKEN": "t"}
    written_out = ["--kind", "openai_wire", "--base-url", address, "--dialect", "azure"]
    for arguments in (["--config", str(file)], [*written_out, "--provider", provider]):
        settings = parse([*arguments, "--backend", "mine"], environment).worker.backend
        assert (settings.base_url, settings.missing) == (address, "")
