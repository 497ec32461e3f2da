"""Keeps litellm from following redirects.

All its HTTP clients are told to, whatever it is configured with, and they carry keys along in headers that httpx does
not take for credentials (`x-api-key`, `x-goog-api-key`, `api-key`), and prompts in any case.
"""

import httpx

from provider_workers.backends.ways import redirected

_KEYS = ("authorization", "api-key", "x-api-key", "x-goog-api-key")


def refuse_redirects() -> None:
    """Make every response that redirects an error in this process, which is a litellm worker's alone."""
    httpx.Response.has_redirect_location = property(_refuse)  # type: ignore[method-assign,assignment]


def _refuse(response: httpx.Response) -> bool:
    """What httpx asks of each response before it follows.

    Raises:
        httpx.TransportError: the response redirects.
    """
    location = response.headers.get("location")
    if 300 <= response.status_code < 400 and location is not None:
        if not holds_secrets(response.request):
            return True
        where = response.request.url.netloc.decode()
        raise httpx.TransportError(f"{where} answers with {redirected(response.status_code, location)}")
    return False


def holds_secrets(request: httpx.Request) -> bool:
    """Whether it is more than a look at a public address, such as that of a picture in a prompt."""
    return request.method != "GET" or any(name in request.headers for name in _KEYS)
