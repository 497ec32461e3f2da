"""Where the router listens: checked before anything is started."""

import errno
import socket

LARGEST_PORT = 65_535


class AddressError(Exception):
    """The address cannot be used; the message says why and what to do."""


def claim(listen: str) -> str:
    """The address to listen at, as `host:port`, with a free port in the place of 0.

    Raises:
        AddressError: it is taken, or no address of this host.
    """
    host, _, port = listen.rpartition(":")
    if not host or not port.isdecimal() or int(port) > LARGEST_PORT:  # a larger one would wrap around unnoticed
        raise AddressError(f'"{listen}" is not HOST:PORT, such as 127.0.0.1:50051')
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host.strip("[]"), int(port), type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            return f"{host}:{probe.getsockname()[1]}"
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise AddressError(
                f"{listen} is taken, perhaps by a router that runs already (trunkline table shows it). "
                "End it, or listen elsewhere: --listen 127.0.0.1:50052"
            ) from error
        raise AddressError(f"cannot listen at {listen}: {error.strerror or error}") from error
