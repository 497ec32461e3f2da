"""How the router is reached: its address and the channel's options."""

import ipaddress
import json
from collections.abc import Mapping
from typing import Final

DEFAULT_ADDRESS: Final = "127.0.0.1:50051"
ADDRESS_VARIABLE: Final = "TRUNKLINE_ROUTER"

_MAX_MESSAGE = 64 * 1024 * 1024

# With client health checking and round robin a replica that drains (NOT_SERVING) gets no new calls, so that a rolling
# restart fails none.
_SERVICE_CONFIG = json.dumps(
    {
        "loadBalancingConfig": [{"round_robin": {}}],
        "healthCheckConfig": {"serviceName": "trunkline.router.v1.RouterService"},
    }
)


def router_address(given: str | None, environment: Mapping[str, str]) -> str:
    """Where the router is: as given, else `TRUNKLINE_ROUTER`, else this host's default port."""
    return given or environment.get(ADDRESS_VARIABLE) or DEFAULT_ADDRESS


def channel_options(address: str) -> list[tuple[str, str | int]]:
    """The options of a channel to `address`. The router owns all retries, so gRPC's are off."""
    options: list[tuple[str, str | int]] = [
        ("grpc.enable_retries", 0),
        ("grpc.service_config", _SERVICE_CONFIG),
        ("grpc.max_send_message_length", _MAX_MESSAGE),
        ("grpc.max_receive_message_length", _MAX_MESSAGE),
        ("grpc.keepalive_time_ms", 30_000),
        ("grpc.keepalive_timeout_ms", 10_000),
        ("grpc.http2.ping_timeout_ms", 10_000),  # else a lost router is noticed 60 s later
        ("grpc.http2.max_pings_without_data", 0),
        ("grpc.initial_reconnect_backoff_ms", 200),
        ("grpc.min_reconnect_backoff_ms", 200),
        ("grpc.max_reconnect_backoff_ms", 1_000),
    ]
    if _is_loopback(address):
        options.append(("grpc.enable_http_proxy", 0))
    return options


def _is_loopback(address: str) -> bool:
    """Whether the address is this host, which no proxy can reach."""
    host = address.rpartition(":")[0].strip("[]")
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
