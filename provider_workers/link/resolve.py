"""Router addresses: every address that a name resolves to is a router of its own."""

import asyncio
import socket
from collections.abc import Sequence

from service_common.urls import fault_of_host

RESOLVE_TIMEOUT = 5.0


class AddressError(ValueError):
    """An address that is not `host:port`, or of which the host is no name."""


def split_address(address: str) -> tuple[str, int]:
    """Host and port of `host:port` or `[v6]:port`.

    Raises:
        AddressError: it is neither.
    """
    host, colon, port = address.strip().rpartition(":")
    if not colon or not host or "/" in host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise AddressError(f'"{address}" is not host:port, such as 127.0.0.1:50051')
    host = host.removeprefix("[").removesuffix("]")
    fault = fault_of_host(host)
    if fault:
        raise AddressError(f'"{address}" is no address: {fault}')
    return host, int(port)


async def resolve(addresses: Sequence[str]) -> tuple[list[str], str]:
    """The numeric addresses behind `addresses`, and what could not be resolved, for the log (empty: all could).

    Of a name that has IPv4 and IPv6 addresses the IPv4 ones count: a dual-stack router would be met twice otherwise.
    """
    found: dict[str, None] = {}
    troubles: list[str] = []
    for address in addresses:
        host, port = split_address(address)
        try:
            async with asyncio.timeout(RESOLVE_TIMEOUT):
                entries = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, TimeoutError) as error:
            troubles.append(f"{host} cannot be resolved: {str(error) or 'no answer in time'}")
            continue
        four = [entry for entry in entries if entry[0] == socket.AF_INET]
        for family, _, _, _, where in four or entries:
            found[f"[{where[0]}]:{port}" if family == socket.AF_INET6 else f"{where[0]}:{port}"] = None
    return list(found), "; ".join(troubles)
