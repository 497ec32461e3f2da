"""The proxy that the environment names for a provider.

It is looked up once: left to aiohttp (`trust_env`), every request asks two other threads for it, which doubles what a
request costs a worker (0.3 ms more on a machine where all else takes 0.3).
"""

import logging
import os
import re
from urllib.request import getproxies, proxy_bypass

from yarl import URL

from service_common.urls import fault_of_url

_LOG = logging.getLogger(__name__)
_MARK = "://"
_KIND = "http://"
_CUT = re.compile(r"[/?#].*@", re.DOTALL)
"""What ends the host, and yet stands before the `@` that ends a password."""


class ProxyError(ValueError):
    """The environment names a proxy that is none. The message holds no part of it but its scheme."""


def proxy_for(provider: URL) -> URL | None:
    """As `named_proxy`, but that a proxy behind TLS is not used.

    Raises:
        ProxyError: the variable holds no address of a proxy.
    """
    proxy = named_proxy(provider)
    if proxy is not None and proxy.scheme == "https":
        _LOG.warning("the proxy %s:%s for %s is not used: it speaks TLS itself", proxy.host, proxy.port, provider.host)
        return None
    return proxy


def named_proxy(provider: URL) -> URL | None:
    """By `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY`, with or without `http://`; None: the way is direct.

    Raises:
        ProxyError: the variable holds no address of a proxy.
    """
    said = getproxies().get(provider.scheme, "").strip()
    if not said or not provider.host or proxy_bypass(provider.host):
        return None
    return _address(said if _MARK in said else f"{_KIND}{said}", proxy_variable(provider.scheme))


def proxy_variable(scheme: str) -> str:
    """The variable that names the proxy for addresses of a scheme, as it is written in the environment."""
    lower = f"{scheme}_proxy"
    return lower if os.environ.get(lower) else lower.upper()


def _address(said: str, variable: str) -> URL:
    scheme, _, rest = said.partition(_MARK)
    if scheme.lower() not in ("http", "https"):
        raise ProxyError(f"{variable} names a proxy of another kind than {_KIND}, which a worker cannot use")
    said = f"{scheme.lower()}{_MARK}{rest}"
    fault = "/, ? and # in a password are written %2F, %3F and %23" if _CUT.search(rest) else fault_of_url(said)
    if not fault:
        try:
            return URL(said)
        except ValueError:
            fault = "it cannot be read"
    raise ProxyError(f"{variable} is no address of a proxy, such as {_KIND}proxy.example:3128: {fault}")
