"""Where the router is. Apart from `trunkline._channel`, so that the command line's help loads no protobuf."""

from collections.abc import Mapping
from typing import Final

DEFAULT_ADDRESS: Final = "127.0.0.1:50051"
ADDRESS_VARIABLE: Final = "TRUNKLINE_ROUTER"


def router_address(given: str | None, environment: Mapping[str, str]) -> str:
    """Where the router is: as given, else `TRUNKLINE_ROUTER`, else this host's default port."""
    return given or environment.get(ADDRESS_VARIABLE) or DEFAULT_ADDRESS
