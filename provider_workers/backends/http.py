"""One HTTP client per backend: sockets, proxies, certificates, the client span, and foreign exceptions mapped once.

Nothing here retries or follows redirects: the router retries, and a redirect could carry the key elsewhere.
"""

import json
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Span
from yarl import URL

from provider_workers.backends.base import ProviderFailure
from provider_workers.backends.body import JsonBody
from provider_workers.backends.client_span import client_span, mark_failed
from provider_workers.backends.proxies import proxy_for
from provider_workers.backends.ways import Way
from provider_workers.settings import BackendSettings
from service_common.failures import FailureClass

READ_BUFFER = 64 * 1024
"""Bytes read ahead from the socket while nobody takes them; twice this is the most that is ever held."""

MAX_ERROR_BODY = 64 * 1024
KEEP_ALIVE = 20.0
REUSE_GRACE = 0.1

_TRACER = trace.get_tracer("trunkline.provider_workers")


class ProviderHttp:
    """Requests to one provider. Create it inside the running event loop; close it."""

    def __init__(self, settings: BackendSettings, headers: Mapping[str, str]) -> None:
        """Open no connection yet.

        Args:
            settings: of the backend.
            headers: sent with every request, such as the authorisation.

        Raises:
            OSError: the file of certificate authorities cannot be read.
            ProxyError: the environment names a proxy that is none.
        """
        self._base = URL(settings.base_url.rstrip("/"))
        self._urls: dict[str, URL] = {}
        self._where: dict[str, str | int] = {
            "server.address": self._base.host or "",
            "server.port": self._base.port or 0,
        }
        self._way = Way(self._base, proxy_for(self._base) if settings.proxied else None)
        verify = _ssl_context(settings.ca_file) if self._base.scheme == "https" else True
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, ssl=verify, keepalive_timeout=KEEP_ALIVE),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=settings.connect_timeout),
            headers={"User-Agent": "trunkline", **headers, **settings.headers},
            proxy=self._way.proxy,
            read_bufsize=READ_BUFFER,
            cookie_jar=aiohttp.DummyCookieJar(),
        )

    @asynccontextmanager
    async def exchange(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        trace_context: Context | None = None,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Send a request and hand out its response, whatever its status. Leaving closes the socket unless all was read.

        Raises:
            ProviderFailure: `UNAVAILABLE` where no response came, `STREAM_BROKEN` where reading it failed.
        """
        url = self._url(path)
        encoded = None if body is None else JsonBody(body)
        span = self._span(method, url, trace_context)
        response: aiohttp.ClientResponse | None = None
        try:
            response = await self._session.request(
                method, url, data=encoded and encoded.payload, headers=_headers(encoded), allow_redirects=False
            )
            span.set_attribute("http.response.status_code", response.status)
            if response.status >= 300:
                mark_failed(span, str(response.status))
                self._way.check_status(response.status, response.headers)
            yield response
        except (aiohttp.ClientError, OSError) as error:
            mark_failed(span, type(error).__qualname__)
            raise self._way.failure(error, answered=response is not None) from error
        except ProviderFailure as failure:
            if response is None or response.status < 300:  # else the status is the error's type
                mark_failed(span, failure.failure_class.label)
            raise
        except BaseException as error:  # cancellation and time-outs: the span ends as what it was
            mark_failed(span, type(error).__qualname__)
            raise
        finally:
            if response is not None:
                _let_go(response)
            span.end()

    async def close(self) -> None:
        """Close every socket."""
        await self._session.close()

    def _url(self, path: str) -> URL:
        """The address of an endpoint: there are few, and making one takes 10 us."""
        if path not in self._urls:
            plain, _, query = path.partition("?")
            url = (self._base / plain).with_query(self._base.query)
            self._urls[path] = url.update_query(query) if query else url
        return self._urls[path]

    def _span(self, method: str, url: URL, trace_context: Context | None) -> Span:
        span = client_span(_TRACER, method, trace_context, {"http.request.method": method, **self._where})
        if span.is_recording():
            span.set_attribute("url.full", str(url.with_user(None).with_query(None)))
        return span


def _headers(body: JsonBody | None) -> dict[str, str] | None:
    """With the length, since not every server takes a body in chunks."""
    return None if body is None else {"Content-Type": "application/json", "Content-Length": str(body.size)}


def _let_go(response: aiohttp.ClientResponse) -> None:
    """Give the connection back if the body was read to its end, else close it at once."""
    if response.content.at_eof():
        response.release()
    else:
        response.close()


async def read_error_body(response: aiohttp.ClientResponse) -> bytes:
    """The start of an error's body; empty where it cannot be read."""
    try:
        return await response.content.read(MAX_ERROR_BODY)
    except aiohttp.ClientError:
        return b""


async def read_json(response: aiohttp.ClientResponse, limit: int = 64 * 1024 * 1024) -> dict[str, Any]:
    """The JSON object of a whole response.

    Raises:
        ProviderFailure: `STREAM_BROKEN`, it is not a JSON object or longer than `limit` bytes.
    """
    chunks: list[bytes] = []
    size = 0
    async for chunk in response.content.iter_any():
        size += len(chunk)
        if size > limit:
            raise ProviderFailure(
                FailureClass.STREAM_BROKEN, f"a response of more than {limit} bytes", http_status=response.status
            )
        chunks.append(chunk)
    try:
        value = json.loads(b"".join(chunks))
    except (ValueError, RecursionError) as error:
        raise ProviderFailure(
            FailureClass.STREAM_BROKEN,
            f"the answer is not JSON but {response.content_type}: is this the provider's address?",
            http_status=response.status,
        ) from error
    if not isinstance(value, dict):
        raise ProviderFailure(
            FailureClass.STREAM_BROKEN, "the answer is JSON of an unknown shape", http_status=response.status
        )
    return value


def _ssl_context(ca_file: str) -> ssl.SSLContext:
    """The system's authorities, or those of SSL_CERT_FILE and SSL_CERT_DIR, and those of `ca_file`."""
    context = ssl.create_default_context()
    if ca_file:
        context.load_verify_locations(cafile=ca_file)
    return context
