"""The way to a provider, and what broke on it, in words of our own.

The HTTP library's words hold bytes of what the provider sent, which are a caller's, and of a proxy's password.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import aiohttp
from aiohttp import http_exceptions
from yarl import URL

from provider_workers.backends.base import ProviderFailure
from provider_workers.backends.proxies import proxy_variable
from service_common.failures import FailureClass

PROXY_WANTS_CREDENTIALS = 407

_BAD_CHUNK = "character in chunk size"
_TOO_LARGE = ("Got more than", "Too many headers")


@dataclass(frozen=True, slots=True)
class Way:
    """The way to one provider.

    Attributes:
        base: the provider's address.
        proxy: what is asked in its place; None: nothing is.
    """

    base: URL
    proxy: URL | None

    def failure(self, error: Exception, *, answered: bool) -> ProviderFailure:
        """The failure that an exception of the HTTP library or a socket is.

        Args:
            error: as it was raised.
            answered: whether the response had begun, so that the answer broke.
        """
        if answered or of_body(error):
            return ProviderFailure(FailureClass.STREAM_BROKEN, broken(self._provider, words_of(error), answered=True))
        return ProviderFailure(FailureClass.UNAVAILABLE, self._unanswered(error))

    def check_status(self, status: int, headers: Mapping[str, str]) -> None:
        """Tell a refusal of the proxy, and a redirect, from what the provider says.

        Raises:
            ProviderFailure: `UNAVAILABLE`, the proxy wants other credentials, or the provider is said to be elsewhere.
        """
        if 300 <= status < 400:
            said = redirected(status, headers.get("location", ""))
            raise ProviderFailure(FailureClass.UNAVAILABLE, said, http_status=status)
        if status == PROXY_WANTS_CREDENTIALS and self.proxy is not None:
            raise ProviderFailure(FailureClass.UNAVAILABLE, self._refused(status))

    @property
    def _provider(self) -> str:
        return f"{self.base.host}:{self.base.port}"

    @property
    def _proxy(self) -> str:
        """The proxy without its credentials; empty where there is none."""
        if self.proxy is None:
            return ""
        return f"the proxy {self.proxy.host}:{self.proxy.port} ({proxy_variable(self.base.scheme)})"

    def _unanswered(self, error: Exception) -> str:
        if isinstance(error, aiohttp.ClientHttpProxyError):
            return self._refused(error.status)
        if isinstance(error, aiohttp.ConnectionTimeoutError):
            return f"{self._proxy or self._provider} did not accept a connection in time"
        if isinstance(error, aiohttp.ClientConnectorCertificateError | aiohttp.ClientConnectorSSLError):
            return f"TLS with {self._provider} failed: {error}. A private authority goes into ca_file"
        if isinstance(error, aiohttp.ClientConnectorError):  # with a proxy nothing else is connected to
            where = f"{self._proxy} on the way to {self._provider}" if self.proxy else self._provider
            return f"{where} cannot be reached: {error.os_error.strerror or error.os_error}"
        through = f", by way of {self._proxy}," if self.proxy else ""
        return broken(f"{self._provider}{through}", words_of(error), answered=False)

    def _refused(self, status: int) -> str:
        return refused(self._proxy, self._provider, status)


def broken(where: str, why: str, *, answered: bool) -> str:
    """That a connection to `where` broke, before the answer or in the middle of it."""
    return f"the answer of {where} broke off: {why}" if answered else f"{where} gave no answer: {why}"


def refused(proxy: str, where: str, status: int) -> str:
    """That a proxy does not lead to `where`."""
    why = ": it wants a name and password, or others" if status == PROXY_WANTS_CREDENTIALS else ""
    return f"{proxy} does not lead to {where} (HTTP {status}){why}"


def redirected(status: int, location: str) -> str:
    """That the provider is said to be elsewhere; without the location's query, which may hold a secret."""
    return f"HTTP {status}: it redirects to {location.partition('?')[0] or 'nowhere'}; correct base_url"


def of_body(error: BaseException | None) -> bool:
    """Whether a response had begun that the HTTP library does not hand out, as it read a broken body with its head."""
    known = aiohttp.ClientResponseError | http_exceptions.HttpProcessingError
    return isinstance(error, known) and _BAD_CHUNK in error.message


def words_of(error: BaseException) -> str:
    """What broke a connection that stood, without the library's words."""
    if of_body(error):
        return "its body is not in chunks, as it said"
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return "the connection was closed"
    if isinstance(error, aiohttp.ClientResponseError | http_exceptions.HttpProcessingError):
        if error.message.startswith(_TOO_LARGE):
            return "the response's headers are too large"
        return "the response is not HTTP: a wrong Content-Length, malformed headers or another protocol"
    if isinstance(error, aiohttp.ClientPayloadError):
        return _words_of_body(error.__cause__)
    return (error.strerror if isinstance(error, OSError) else None) or type(error).__name__


def _words_of_body(cause: BaseException | None) -> str:
    if isinstance(cause, http_exceptions.ContentEncodingError):
        return "its body is not encoded as its Content-Encoding says"
    if isinstance(cause, http_exceptions.ContentLengthError | http_exceptions.TransferEncodingError):
        return "its body is not as long as it said"
    return (cause.strerror if isinstance(cause, OSError) else None) or "its body cannot be read"
