"""litellm's way to a provider, with the limits that the other kinds' HTTP client has.

litellm reads error bodies whole, and takes seconds of the event loop over each megabyte; keeps a line without an end;
and reads all that lies ready without letting the event loop run. All its asynchronous clients, those of OpenAI's
library too, get their transport from one place (litellm 1.106.2).
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import aclosing
from contextvars import ContextVar

import httpx
from litellm.llms.custom_httpx import aiohttp_transport

from provider_workers.backends import ways
from provider_workers.backends.base import ProviderFailure
from provider_workers.backends.litellm.events import WholeEvents
from provider_workers.backends.litellm.redirects import holds_secrets
from provider_workers.backends.shapes import broken
from service_common.failures import FailureClass

MAX_BODY = 64 * 1024 * 1024
"""Bytes of an answer that is no stream of events."""

MAX_ERROR_BODY = 16 * 1024
"""Bytes of an error's body: litellm looks for secrets in each four times, 2 s a megabyte, and it is told in 1000."""

LONGEST_TURN = 0.01
"""Seconds after which the event loop gets its turn, however much of an answer lies ready."""

_SLICE = 1024
"""Bytes handed on at once of a body that is no stream of events: so few that little work lies in them."""

_ANSWERS = (200, 201)
_EVENT_STREAM = "text/event-stream"


_OPENED: ContextVar[list["BoundedBody"]] = ContextVar("bodies of answers that the current call has opened")


def install() -> None:
    """Let litellm make its clients' transports of `BoundedTransport` from now on."""
    aiohttp_transport.LiteLLMAiohttpTransport = BoundedTransport  # type: ignore[misc]


def opened_bodies() -> list["BoundedBody"]:
    """Those of the call that begins here, to be closed at its end: litellm forgets some of answers that it gives up."""
    bodies: list[BoundedBody] = []
    _OPENED.set(bodies)
    return bodies


class BoundedTransport(aiohttp_transport.LiteLLMAiohttpTransport):
    """litellm's own transport, but that it hands out only what a provider may send."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request.

        Raises:
            ProviderFailure: `UNAVAILABLE`, a status that is neither an answer nor an error, or unreadable headers.
            httpx.TransportError: as litellm's own; never one over which litellm would send the request again.
        """
        try:
            answer = await super().handle_async_request(request)
        except (httpx.ConnectError, httpx.RemoteProtocolError) as error:
            raise httpx.ReadError(str(error), request=request) from error.__cause__
        except UnicodeEncodeError as error:
            said = ways.broken(_where(request), "the response's headers are not ASCII", answered=False)
            raise ProviderFailure(FailureClass.UNAVAILABLE, said) from error
        status = answer.status_code
        if status < 400 and status not in _ANSWERS and "location" not in answer.headers and holds_secrets(request):
            await answer.aclose()
            said = f"HTTP {status} instead of an answer: is base_url the provider's address?"
            raise ProviderFailure(FailureClass.UNAVAILABLE, said, http_status=status)
        headers = [(name, value) for name, value in answer.headers.multi_items() if name != "content-encoding"]
        body = BoundedBody(answer)
        _OPENED.get([]).append(body)
        return httpx.Response(answer.status_code, headers=headers, stream=body, request=request)


class BoundedBody(httpx.AsyncByteStream):
    """The decoded body of a response: as much of it as it may have, in parts that are little work each."""

    def __init__(self, answer: httpx.Response) -> None:
        """Take a response that nobody has read."""
        self._answer = answer
        self._is_stream = answer.headers.get("content-type", "").startswith(_EVENT_STREAM)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """The parts; between them the event loop gets its turn.

        Raises:
            ProviderFailure: `STREAM_BROKEN`, it has no end.
            httpx.HTTPError: it broke off, or is not encoded as it says.
        """
        turn = time.monotonic()
        async with aclosing(self._chunks()) as chunks:  # type: ignore[type-var]
            async for parts in chunks:
                turn = await _shared(turn)
                for part in parts:
                    yield part
                    turn = await _shared(turn)

    async def aclose(self) -> None:
        """Close the socket unless all was read."""
        await self._answer.aclose()

    async def _chunks(self) -> AsyncIterator[list[bytes]]:
        """What came at once, in parts."""
        events = WholeEvents()
        is_error, size = self._answer.status_code >= 400, 0
        async with aclosing(self._decoded()) as read:  # type: ignore[type-var]
            async for chunk in read:
                size += len(chunk)
                if is_error:
                    yield [chunk[: MAX_ERROR_BODY - size + len(chunk)]]
                    if size >= MAX_ERROR_BODY:
                        return
                elif self._is_stream:
                    yield events.feed(chunk)
                elif size > MAX_BODY:
                    raise broken(f"the provider sent a response of more than {MAX_BODY} bytes")
                else:
                    yield [chunk[start : start + _SLICE] for start in range(0, len(chunk), _SLICE)]
        if self._is_stream and not is_error:
            yield events.end()

    async def _decoded(self) -> AsyncIterator[bytes]:
        try:
            async with aclosing(self._answer.aiter_bytes()) as read:  # type: ignore[type-var]
                async for chunk in read:
                    yield chunk
        except httpx.DecodingError as error:
            said = "its body is not encoded as its Content-Encoding says"
            raise broken(ways.broken(_where(self._answer.request), said, answered=True)) from error


async def _shared(turn: float) -> float:
    """When the turn of whoever reads began: now, after the event loop's, where it was long enough."""
    if time.monotonic() - turn <= LONGEST_TURN:
        return turn
    await asyncio.sleep(0)
    return time.monotonic()


def _where(request: httpx.Request) -> str:
    return request.url.netloc.decode()
