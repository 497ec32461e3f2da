"""Which names can be looked up without asking anybody outside the local network."""

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
