"""Where a backend runs, by its address."""

import asyncio
import ipaddress
import socket

from yarl import URL

from service_common.network import is_inside, is_local_name
from service_common.vocabulary import Locality

_LOOKUP_TIMEOUT = 2.0


async def locality_of(base_url: str, *, offline: bool = False) -> Locality:
    """`HOST` if every address of the URL's host is a loopback one, `PRIVATE` if all are private, else `REMOTE`.

    A name that cannot be resolved in two seconds counts as remote, so that doubt never raises a clearance; so does,
    offline, a name that somebody outside would have to be asked for.
    """
    host = URL(base_url).host
    if not host or (offline and not is_local_name(host)):
        return Locality.REMOTE
    try:
        async with asyncio.timeout(_LOOKUP_TIMEOUT):
            found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, TimeoutError):
        return Locality.REMOTE
    addresses = [ipaddress.ip_address(entry[4][0]) for entry in found]
    if addresses and all(address.is_loopback for address in addresses):
        return Locality.HOST
    if addresses and all(is_inside(address) for address in addresses):
        return Locality.PRIVATE
    return Locality.REMOTE
