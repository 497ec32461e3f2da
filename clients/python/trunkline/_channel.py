"""How the router is reached: the channel's target and options."""

import ipaddress
import json
from typing import Final

from trunkline._requests import refuse

_LISTS: Final = ("ipv4:", "ipv6:")
"""gRPC's schemes of lists of addresses."""

_LARGEST_PORT = 65_535
_MAX_MESSAGE = 64 * 1024 * 1024

# With client health checking and round robin a replica that drains (NOT_SERVING) gets no new calls, so that a rolling
# restart fails none.
_SERVICE_CONFIG = json.dumps(
    {
        "loadBalancingConfig": [{"round_robin": {}}],
        "healthCheckConfig": {"serviceName": "trunkline.router.v1.RouterService"},
    }
)


def channel_target(address: str) -> str:
    """What gRPC takes for `address`, which may be several IP addresses by comma: it wants a scheme before these.

    Raises:
        InvalidRequest: one of several is not `IP:PORT`, or they are of both families.
    """
    if "," not in address or address.startswith(_LISTS):
        return address
    parts = [part.strip() for part in address.split(",") if part.strip()]
    found = [_numeric(part) for part in parts]
    families = {f"ipv{ip.version}:" for ip, _ in found}
    if len(families) != 1:
        what = "IPv4 and IPv6 addresses cannot stand side by side" if families else "there is no address"
        raise refuse("address", f'"{address}": {what}')
    listed = ",".join(f"[{ip}]:{port}" if ip.version == 6 else f"{ip}:{port}" for ip, port in found)
    return families.pop() + listed


def _numeric(part: str) -> tuple[ipaddress.IPv4Address | ipaddress.IPv6Address, int]:
    """One address of several, as gRPC wants it: a name is looked up only where it stands alone."""
    host, _, port = part.rpartition(":")
    try:
        ip = ipaddress.ip_address("127.0.0.1" if host == "localhost" else host.strip("[]"))
        if not 0 < int(port) <= _LARGEST_PORT:
            raise ValueError
    except ValueError:
        advice = "of several addresses each is IP:PORT, such as 10.0.0.1:50051,10.0.0.2:50051"
        names = "a name stands alone, and may resolve to all routers"
        raise refuse("address", f'"{part}": {advice}; {names}') from None
    return ip, int(port)


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
        ("grpc.min_reconnect_backoff_ms", 10_000),  # how long one try may take, whatever the name says
        ("grpc.max_reconnect_backoff_ms", 1_000),
    ]
    if _is_loopback(address):
        options.append(("grpc.enable_http_proxy", 0))
    return options


def _is_loopback(address: str) -> bool:
    """Whether the address, or each of several, is this host, which no proxy can reach."""
    listed = address[len(_LISTS[0]) :] if address.startswith(_LISTS) else address
    return all(_is_this_host(part.rpartition(":")[0].strip(" []")) for part in listed.split(","))


def _is_this_host(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
