"""Which routers a worker attaches to."""

from pathlib import Path

import pytest

from provider_workers.arguments import ROUTER_VARIABLE, UsageError, parse
from provider_workers.link.resolve import AddressError, split_address

ALONE = ["--backend", "a", "--kind", "ollama", "--base-url", "http://127.0.0.1:9"]


def _routers(folder: Path, listen: str, *arguments: str, **environment: str) -> tuple[str, ...]:
    """Of a worker whose configuration has the router listen there."""
    file = folder / "trunkline.yaml"
    file.write_text(f'router: {{listen: "{listen}"}}\nbackends:\n  a: {{kind: ollama}}\n')
    return parse(["--config", str(file), "--backend", "a", *arguments], environment).worker.routers


@pytest.mark.parametrize(
    ("listen", "router"),
    [
        ("127.0.0.1:7000", "127.0.0.1:7000"),
        ("0.0.0.0:7000", "127.0.0.1:7000"),
        ("[::]:7000", "[::1]:7000"),
        ("router.example:7000", "router.example:7000"),
    ],
)
def test_the_file_says_where_its_router_is(listen: str, router: str, tmp_path: Path) -> None:
    """Router and worker read the same file: the worker dials where the router listens, on this host if anywhere."""
    assert _routers(tmp_path, listen) == (router,)


def test_what_is_said_goes_before_the_file(tmp_path: Path) -> None:
    """The flag, then the variable, then the file."""
    named = {ROUTER_VARIABLE: "two:2"}
    assert _routers(tmp_path, "127.0.0.1:7000", "--router", "one:1", **named) == ("one:1",)
    assert _routers(tmp_path, "127.0.0.1:0", **named) == ("two:2",)


def test_an_open_port_must_be_said(tmp_path: Path) -> None:
    """A router on a port of its own choice cannot be found by the file."""
    with pytest.raises(UsageError, match="leaves the port open: say which with --router or TRUNKLINE_ROUTER"):
        _routers(tmp_path, "127.0.0.1:0")


def test_lists_as_grpc_writes_them_are_taken() -> None:
    """What the Python client takes in the same variable; without a file and a word, the default."""
    said = {ROUTER_VARIABLE: "ipv4:10.0.0.1:1, 10.0.0.2:2"}
    assert parse(ALONE, said).worker.routers == ("10.0.0.1:1", "10.0.0.2:2")
    assert parse([*ALONE, "--router", "ipv6:[::1]:1"], said).worker.routers == ("[::1]:1",)
    assert parse(ALONE, {}).worker.routers == ("127.0.0.1:50051",)


@pytest.mark.parametrize("address", ["dns:///router:50051", "http://127.0.0.1:50051", "127.0.0.1", "router:\u00b2"])
def test_what_is_no_address_is_refused_at_start(address: str) -> None:
    """A URL would be looked up as a name for ever."""
    with pytest.raises(AddressError, match="is not host:port"):
        split_address(address)


@pytest.mark.parametrize("host", ["a" * 70 + ".com", "router..example", ".example", "\u00fc" * 70, "\u00fc..example"])
def test_a_router_whose_host_is_no_name_is_refused_at_start(host: str) -> None:
    """No look-up takes it: it would end a worker that runs."""
    with pytest.raises(AddressError, match="its host is no name"):
        split_address(f"{host}:5")


def test_names_and_addresses_of_every_kind_are_taken() -> None:
    """Names with a dot at their end, with other letters, and addresses of IPv6."""
    for host in ("router.example.", "r\u00fcter.example", "a" * 63 + ".com", "fe80::1%eth0"):
        assert split_address(f"{host}:5") == (host, 5)


@pytest.mark.parametrize(
    "url", ["http://[bad/v1", "http://h:port/v1", f"http://{'a' * 70}.com/v1", "h:1", "http:///v1"]
)
def test_an_address_that_leads_nowhere_is_refused_at_start(url: str) -> None:
    """By the flag that holds it."""
    with pytest.raises(UsageError, match="--base-url is no address: "):
        parse([*ALONE, "--base-url", url], {})


def test_an_address_from_the_environment_must_be_one(tmp_path: Path) -> None:
    """The backend is not configured, as without its key; the value, which may hold a password, is not told."""
    file = tmp_path / "trunkline.yaml"
    file.write_text("backends:\n  a: {kind: openai_wire, base_url: '${WHERE}'}\n")
    named = ["--config", str(file), "--backend", "a", "--router", "r:1"]
    said = parse(named, {"WHERE": "not-a-url"}).worker.backend.missing
    assert said == "what base_url refers to (${WHERE}) is no address: it begins with http:// or https://"
    backend = parse(named, {"WHERE": "http://[bad"}).worker.backend
    assert backend.missing.endswith("(${WHERE}) is no address: its brackets do not hold an IPv6 address")
    assert backend.base_url == ""
    assert parse(named, {"WHERE": "http://127.0.0.1:1/v1"}).worker.backend.missing == ""


def test_a_backend_whose_worker_is_somebody_elses_is_refused(tmp_path: Path) -> None:
    """With what to do instead; the flags do not offer that kind."""
    file = tmp_path / "trunkline.yaml"
    file.write_text("backends: {house: {kind: external}}\n")
    with pytest.raises(UsageError, match="is of kind external, so that its worker is a program of your own: start"):
        parse(["--config", str(file), "--backend", "house"], {})
