"""One HTTP exchange of a simulated provider: its request, its record, its turn, and the way to answer."""

import asyncio
import json
import time
from collections.abc import Mapping
from typing import Any, Final

from aiohttp import web

from provider_workers.simulated.behaviour import Behaviour
from provider_workers.simulated.exchange import ApiError, Ask, JsonObject, RequestRefused
from provider_workers.simulated.recorder import RecordedRequest
from provider_workers.simulated.schedule import Turn
from provider_workers.simulated.wires.base import Context, Limits, Wire, retry_after_value
from provider_workers.simulated.writer import ResponseWriter

WISH_HEADER: Final = "x-trunkline-sim"
WISH_FIELD: Final = "trunkline_sim"
_BODY_LIMIT: Final = 128 * 1024 * 1024


class Sent(web.StreamResponse):
    """Tells aiohttp that the response is on the wire already, and whether the connection goes on."""

    def __init__(self, keep_alive: bool) -> None:
        super().__init__()
        self._goes_on = keep_alive

    @property
    def keep_alive(self) -> bool:
        """Whether the connection takes another request."""
        return self._goes_on

    async def prepare(self, request: web.BaseRequest) -> None:
        """Nothing is left to send."""

    async def write_eof(self, data: bytes = b"") -> None:
        """Nothing is left to send."""


class HttpExchange:
    """One request on its way through a provider."""

    def __init__(self, request: web.BaseRequest, record: RecordedRequest, wire: Wire) -> None:
        self.request = request
        self.record = record
        self.wire = wire
        self.context = Context(record.provider, record.id, record.started)
        self.turn = Turn(Behaviour(), None)
        self.limits: Limits | None = None
        self.ask: Ask | None = None

    def writer(self) -> ResponseWriter:
        """A writer on the request's connection. Raises ConnectionResetError where it is gone."""
        transport = self.request.transport
        if transport is None:
            raise ConnectionResetError("the client is gone")
        return ResponseWriter(
            transport, self.turn.fault, self._sent_first_byte, head_only=self.request.method == "HEAD"
        )

    def error(self, kind: str) -> ApiError:
        """An error of that kind, about this request and with the parameters of its fault."""
        fault = self.turn.fault
        seconds = fault.retry_after if fault else None
        form = fault.retry_after_format if fault else "seconds"
        return ApiError(
            kind,
            message=fault.message if fault else None,
            param=(fault.parameter or "temperature") if fault and kind == "unsupported_parameter" else None,
            model=self.record.model,
            prompt_tokens=self.ask.prompt_tokens if self.ask else 0,
            retry_after=None if seconds is None else retry_after_value(seconds, form, self.context.now),
            retry_seconds=seconds,
            stream=self.record.stream,
        )

    def _sent_first_byte(self, status: int) -> None:
        if self.record.first_byte is None:
            self.record.first_byte = time.time()
        if status:
            self.record.status = status


def request_with_large_body(
    message: Any, payload: Any, protocol: Any, writer: Any, task: "asyncio.Task[None]"
) -> web.BaseRequest:
    """A request whose body may be large: images come inside of it."""
    loop = asyncio.get_running_loop()
    return web.BaseRequest(message, payload, protocol, writer, task, loop, client_max_size=_BODY_LIMIT)


def parsed_body(body: bytes) -> JsonObject:
    """The body as a JSON object, empty where there is none. Raises `RequestRefused`."""
    if not body:
        return {}
    try:
        parsed = json.loads(body)
    except ValueError as error:
        message = f"We could not parse the JSON body of your request: {error}"
        raise RequestRefused(ApiError("400", message=message)) from error
    if not isinstance(parsed, Mapping):
        raise RequestRefused(ApiError("400", message="The body of the request must be a JSON object."))
    return parsed


def wish_of(headers: Mapping[str, str], parsed: JsonObject) -> JsonObject | None:
    """What the request asks of the simulation, by header or by body. Raises ValueError where it is no JSON object."""
    text = headers.get(WISH_HEADER)
    wish = json.loads(text) if text is not None else parsed.get(WISH_FIELD)
    if wish is not None and not isinstance(wish, Mapping):
        raise ValueError(f"a behaviour is a JSON object, not {wish!r}")
    return wish
