"""What is wrong with an http:// or https:// address, told without the address: it may hold a password."""

from urllib.parse import urlsplit

NOT_HTTP = "it begins with http:// or https://"


def fault_of_url(url: str, *, may_query: bool = False) -> str:
    """What keeps an address from leading anywhere, or a path from being put behind it; empty: nothing that can be seen.

    `may_query`: whether it may end in a query, which who puts a path behind it knows of.
    """
    if not url.lower().startswith(("http://", "https://")):
        return NOT_HTTP
    if " " in url or not url.isprintable():
        return "it holds a blank or a control character"
    if "#" in url:
        return "it has a fragment (#)"
    if "?" in url and not may_query:
        return "it has a query (?), behind which no path can stand"
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return "its brackets do not hold an IPv6 address"
    try:
        port = parts.port
    except ValueError:
        port = 0
    if port == 0:
        return "its port is no number from 1 to 65535"
    return fault_of_host(host)


def fault_of_host(host: str) -> str:
    """What keeps a name from being looked up; empty: nothing that can be seen."""
    if not host:
        return "it names no host"
    return "" if _is_name(host) else "its host is no name: each part between dots has 1 to 63 characters"


def _is_name(host: str) -> bool:
    """Whether Python's look-up takes a host; the codec that it asks takes 10 ms to load, which most need not."""
    if host.isascii():
        return all(0 < len(label) < 64 for label in host.removesuffix(".").split("."))
    try:
        host.encode("idna")
    except UnicodeError:
        return False
    return True
