"""Which names can be looked up without asking anybody outside the local network, and which addresses are inside."""

import ipaddress

_LOCAL_SUFFIXES = (".localhost", ".local", ".lan", ".internal", ".home.arpa", ".cluster.local")
"""Domains that are reserved for local networks, so that no public name server knows them."""


def is_local_name(host: str) -> bool:
    """Whether `host` is an address, a name without a dot (`localhost`), or one reserved for local networks."""
    name = host.lower().rstrip(".")
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return bool(name) and ("." not in name or name.endswith(_LOCAL_SUFFIXES))
    return True


def is_inside(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """Whether an address is of this host or a private network."""
    return (address.is_private or address.is_loopback or address.is_link_local) and not address.is_unspecified


def may_be_inside(host: str) -> bool:
    """Whether `host` may be on this host or in a private network, as far as can be told without looking it up."""
    try:
        return is_inside(ipaddress.ip_address(host))
    except ValueError:
        return is_local_name(host)
