"""Where the router is told to listen."""

import pytest

from trunkline.cli.processes.addresses import AddressError, claim


@pytest.mark.parametrize(
    "listen",
    ["", "foo", "127.0.0.1", ":0", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:99999", "127.0.0.1:\N{SUPERSCRIPT TWO}"],
)
def test_what_is_no_address_is_refused(listen: str) -> None:
    """A port of five nines is not quietly another one, and no odd digit ends in a traceback."""
    with pytest.raises(AddressError, match="is not HOST:PORT"):
        claim(listen)


def test_a_free_port_is_found() -> None:
    """Port 0 becomes one that can be told to callers."""
    host, _, port = claim("127.0.0.1:0").rpartition(":")
    assert host == "127.0.0.1"
    assert int(port) > 0
