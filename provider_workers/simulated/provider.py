"""One simulated provider: its port, and what it does with each request."""

import asyncio
import hashlib
import random
import time
from dataclasses import replace
from typing import Final

from aiohttp import web

from provider_workers.simulated.answering import MAX_DIMENSIONS, answer_to
from provider_workers.simulated.behaviour import Behaviour
from provider_workers.simulated.catalogue import Catalogue, keep_alive_seconds
from provider_workers.simulated.delivery import deliver, pause
from provider_workers.simulated.exchange import (
    CHAT,
    METADATA,
    ApiError,
    Ask,
    JsonObject,
    Operation,
    Reply,
    RequestRefused,
)
from provider_workers.simulated.faults import Fault, Stage
from provider_workers.simulated.http_exchange import (
    WISH_FIELD,
    HttpExchange,
    Sent,
    parsed_body,
    request_with_large_body,
    wish_of,
)
from provider_workers.simulated.listener import Listener
from provider_workers.simulated.rate_window import RateWindow
from provider_workers.simulated.recorder import CLIENT_CLOSED, COMPLETED, SHUT_DOWN, Recorder
from provider_workers.simulated.schedule import BehaviourSchedule
from provider_workers.simulated.schema_instance import SchemaError
from provider_workers.simulated.spec import ProviderSpec
from provider_workers.simulated.steps import FOREVER, whole_with_fault, with_fault
from provider_workers.simulated.wires.base import Limits, Wire
from provider_workers.simulated.wires.registry import OTHER_WIRE, WIRES

REFUSED: Final = "refused"
_CLOSED_FOR: Final = 1.0
_HTML: Final = (
    b"<!DOCTYPE html>\n<html><head><title>Sign in</title></head><body><h1>Sign in to continue</h1></body></html>\n"
)


class SimulatedProvider:
    """Serves one provider's API on a port of its own."""

    def __init__(self, spec: ProviderSpec, recorder: Recorder, rng: random.Random) -> None:
        self.spec = spec.resolved()
        self.name = spec.name
        self.wire = WIRES[self.spec.wire]
        self.schedule = BehaviourSchedule(self.spec.behaviour, rng)
        self.catalogue = Catalogue(self.spec.models)
        self._recorder = recorder
        self._listener: Listener | None = None
        self._limits = RateWindow(time.monotonic)
        self._stopping = False

    @property
    def base_url(self) -> str:
        """The URL that a client is configured with. Raises RuntimeError before `start`."""
        if self._listener is None:
            raise RuntimeError(f"the simulated provider {self.name} is not started")
        host = f"[{self.spec.host}]" if ":" in self.spec.host else self.spec.host
        return self.wire.base_url(f"http://{host}:{self._listener.port}")

    async def start(self) -> None:
        """Open the port. Raises OSError where it is in use."""
        self._listener = Listener(self.spec.host, self.spec.port)
        server = web.Server(
            self._handle, request_factory=request_with_large_body, handler_cancellation=True, access_log=None
        )
        await self._listener.start(server)
        self._apply_port(self.schedule.current)

    async def stop(self) -> None:
        """Close the port and every connection."""
        self._stopping = True
        if self._listener is not None:
            await self._listener.stop()

    def set_behaviour(self, behaviour: Behaviour) -> None:
        """Behave so from the next request on; `refuse_connection` closes the port at once, anything else opens it."""
        self.schedule.set(behaviour)
        self._apply_port(behaviour)

    def reset_behaviour(self) -> None:
        """Go back to the behaviour of the start; the queue of one-shot behaviours is emptied."""
        self.schedule.reset()
        self._apply_port(self.schedule.current)

    def _apply_port(self, behaviour: Behaviour) -> None:
        assert self._listener is not None
        closing = next((fault for fault in behaviour.faults if fault.kind == "refuse_connection"), None)
        if closing is not None:
            self._listener.close_port(closing.seconds)
        else:
            self._listener.open_port()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        record = self._recorder.begin(self.name, request.path, request.headers)
        exchange = HttpExchange(request, record, self.wire)
        keep_alive = False
        try:
            body = await request.read()
            outcome, keep_alive = await self._serve(exchange, body)
            self._recorder.end(record, outcome)
        except asyncio.CancelledError:
            self._recorder.end(record, SHUT_DOWN if self._stopping else CLIENT_CLOSED)
            raise
        except ConnectionError:
            self._recorder.end(record, CLIENT_CLOSED)
        return Sent(keep_alive and request.keep_alive)

    async def _serve(self, exchange: HttpExchange, body: bytes) -> tuple[str, bool]:
        """Answer one request; the outcome, and whether the connection goes on."""
        try:
            operation, parsed = self._understood(exchange, body)
            fault = exchange.turn.fault
            if fault is not None:
                exchange.record.fault = fault.kind
                return await self._serve_with_fault(exchange, operation, parsed, fault)
            return await self._answer(exchange, operation, parsed)
        except RequestRefused as refusal:
            writer = exchange.writer()
            await writer.reply(*self._refusal(exchange, refusal.error))
            return REFUSED, writer.keep_alive

    def _understood(self, exchange: HttpExchange, body: bytes) -> tuple[Operation, JsonObject]:
        """The operation and the body, after what the real provider checks first. Sets what the request meets."""
        request, record, wire = exchange.request, exchange.record, self.wire
        operation = wire.operation(request.method, request.path)
        if operation is None:
            message = f"Invalid URL ({request.method} {request.path})"
            raise RequestRefused(ApiError("not_found", message=message if wire.name == "openai" else None))
        parsed = parsed_body(body)
        if self._recorder.bodies:
            record.body = parsed
        if operation.kind != METADATA:
            exchange.ask = _read(wire, operation, parsed)
            record.model, record.stream = exchange.ask.model, exchange.ask.stream
            record.prompt_sha256 = hashlib.sha256(exchange.ask.prompt.encode()).hexdigest()
        else:
            record.model = operation.model
        try:
            wish = wish_of(request.headers, parsed)
            exchange.turn = self.schedule.next(operation.kind, record.model, exchange.ask, wish)
        except ValueError as error:
            raise RequestRefused(ApiError("400", message=f"{WISH_FIELD}: {error}", param=WISH_FIELD)) from error
        key = exchange.turn.behaviour.api_key
        if key is not None and wire.presented_key(request.headers, request.query) != key:
            raise RequestRefused(ApiError("401"))
        return operation, parsed

    async def _serve_with_fault(
        self, exchange: HttpExchange, operation: Operation, parsed: JsonObject, fault: Fault
    ) -> tuple[str, bool]:
        outcome = f"fault:{fault.kind}"
        early_reset = fault.kind == "reset" and fault.after_tokens is None
        if early_reset or fault.kind == "refuse_connection":
            await exchange.writer().reset()
            if not early_reset and self._listener is not None:
                self._listener.close_port(_CLOSED_FOR if fault.seconds is None else fault.seconds)
            return outcome, False
        if fault.kind == "silent_before_headers":
            await pause(FOREVER if fault.seconds is None else fault.seconds)
        elif fault.stage is Stage.REFUSE:
            await pause(exchange.turn.behaviour.first_token_latency)
            writer = exchange.writer()
            await writer.reply(*self._refusal(exchange, exchange.error(fault.kind)))
            return outcome, writer.keep_alive
        canned = self._canned(exchange, fault)
        if canned is not None:
            await pause(exchange.turn.behaviour.first_token_latency)
            writer = exchange.writer()
            await writer.reply(canned, self.wire.headers(exchange.context, None))
            return outcome, writer.keep_alive
        if fault.kind == "wrong_wire":
            exchange.wire = WIRES[fault.wire or OTHER_WIRE[self.wire.name]]
        _, keep_alive = await self._answer(exchange, operation, parsed)
        return outcome, keep_alive

    def _canned(self, exchange: HttpExchange, fault: Fault) -> Reply | None:
        if fault.kind == "html_200":
            return Reply(200, _HTML, "text/html; charset=utf-8")
        streamed = exchange.ask is not None and exchange.ask.stream
        content_type = self.wire.stream_content_type if streamed else "application/json"
        if fault.kind == "empty_body":
            return Reply(200, b"", content_type)
        if fault.kind == "other_shape":
            body = self.wire.other_shape(exchange.ask) if exchange.ask else b'{"status":"ok","result":[1,2,3]}'
            return Reply(200, body, content_type)
        return None

    def _refusal(self, exchange: HttpExchange, error: ApiError) -> tuple[Reply, tuple[tuple[str, str], ...]]:
        fault = exchange.turn.fault
        limits = None
        if error.kind == "429" and (fault is None or fault.rate_limit_headers):
            reset = 20.0 if error.retry_seconds is None else error.retry_seconds
            known = exchange.limits or Limits(3, 0, 2_000_000, 0, reset)
            limits = replace(known, requests_left=0, reset=reset)
        return self.wire.error(error, exchange.context), self.wire.headers(exchange.context, limits)

    async def _answer(self, exchange: HttpExchange, operation: Operation, parsed: JsonObject) -> tuple[str, bool]:
        """Answer as a healthy provider would, but for the faults that act on the way out."""
        ask, behaviour = exchange.ask, exchange.turn.behaviour
        if ask is None:
            return await self._send_metadata(exchange, operation, parsed)
        model = self.catalogue.find(ask.model)
        if model is None:
            raise RequestRefused(
                ApiError("404", model=ask.model, param="model" if self.wire.name == "openai" else None)
            )
        admitted, exchange.limits = self._limits.admit(behaviour.requests_per_minute, ask.prompt_tokens)
        if not admitted:
            wait = exchange.limits.reset
            whole = str(int(wait) + 1)
            raise RequestRefused(ApiError("429", model=ask.model, retry_after=whole, retry_seconds=wait))
        loaded = await self._load(exchange, ask)
        if operation.kind == CHAT:
            return await self._send_chat(exchange, ask, loaded)
        _check_dimensions(ask)
        ask = replace(ask, dimensions=ask.dimensions or model.dimensions)
        await pause(behaviour.first_token_latency)
        return await self._send_reply(exchange, exchange.wire.embedding(ask, exchange.context))

    async def _load(self, exchange: HttpExchange, ask: Ask) -> float:
        """Make the model resident; the seconds that it took."""
        model = self.catalogue.find(ask.model)
        assert model is not None
        try:
            keep_alive = keep_alive_seconds(ask.raw.get("keep_alive"))
        except ValueError as error:
            raise RequestRefused(ApiError("400", message=str(error))) from error
        was_resident = self.catalogue.touch(model, keep_alive, time.time())
        seconds = 0.0 if was_resident else exchange.turn.behaviour.load_seconds
        await pause(seconds)
        return seconds

    async def _send_chat(self, exchange: HttpExchange, ask: Ask, loaded: float) -> tuple[str, bool]:
        behaviour, fault, wire = exchange.turn.behaviour, exchange.turn.fault, exchange.wire
        try:
            answer = replace(answer_to(ask, self.name, behaviour, fault), load_seconds=loaded)
        except SchemaError as mistake:
            raise RequestRefused(ApiError("400", message=f"Invalid schema: {mistake}")) from mistake
        await pause(behaviour.first_token_latency)
        if not ask.stream:
            tokens = len(answer.text) + len(answer.reasoning)
            if behaviour.tokens_per_second > 0:
                await pause(tokens / behaviour.tokens_per_second)
            exchange.record.tokens_sent = tokens
            return await self._send_reply(exchange, wire.reply(ask, answer, exchange.context))
        steps = wire.steps(ask, answer, exchange.context)
        if fault is not None and fault.stage is Stage.STREAM:
            error = exchange.error("500")
            steps = with_fault(steps, fault, wire.substitutes(ask, error, exchange.context))
        writer = exchange.writer()
        headers = wire.headers(exchange.context, exchange.limits)
        await writer.head(200, wire.stream_content_type, headers, None)
        await deliver(writer, steps, behaviour.tokens_per_second, exchange.record)
        return COMPLETED, writer.keep_alive

    async def _send_metadata(
        self, exchange: HttpExchange, operation: Operation, parsed: JsonObject
    ) -> tuple[str, bool]:
        answer = self.wire.metadata(operation, parsed, self.catalogue, exchange.context)
        if isinstance(answer, Reply):
            return await self._send_reply(exchange, answer)
        writer = exchange.writer()
        await writer.head(200, self.wire.stream_content_type, self.wire.headers(exchange.context, None), None)
        await deliver(writer, answer, exchange.turn.behaviour.tokens_per_second, exchange.record)
        return COMPLETED, writer.keep_alive

    async def _send_reply(self, exchange: HttpExchange, reply: Reply) -> tuple[str, bool]:
        fault, wire = exchange.turn.fault, exchange.wire
        writer = exchange.writer()
        headers = wire.headers(exchange.context, exchange.limits)
        if fault is None or fault.stage is not Stage.STREAM:
            await writer.reply(reply, headers)
            return COMPLETED, writer.keep_alive
        steps = list(
            whole_with_fault(reply.body, fault, lambda: wire.error(exchange.error("500"), exchange.context).body)
        )
        # Chunked, so that a cut is a cut in a chunk; otherwise the length is known, as of a healthy answer.
        sent = sum(len(step.data) for step in steps)
        broken_off = fault.kind in ("cut", "reset", "stall")
        length = None if fault.kind == "cut_chunked" else len(reply.body) if broken_off else sent
        await writer.head(reply.status, reply.content_type, (*headers, *reply.headers), length)
        await deliver(writer, steps, 0.0, exchange.record)
        return COMPLETED, writer.keep_alive


def _read(wire: Wire, operation: Operation, body: JsonObject) -> Ask:
    """The request as the wire reads it. What it stumbles over is of a wrong type somewhere: the caller's mistake."""
    try:
        return wire.read(operation, body)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise RequestRefused(ApiError("400", message=f"Invalid type in the request: {error}")) from error


def _check_dimensions(ask: Ask) -> None:
    """Refuse vectors that no model makes: the largest would keep every provider of this process from answering."""
    asked: object = ask.dimensions  # not every wire checks its type
    if asked is not None and (not isinstance(asked, int) or not 0 <= asked <= MAX_DIMENSIONS):
        said = f"Invalid number of dimensions: this model supports at most {MAX_DIMENSIONS}"
        raise RequestRefused(ApiError("400", message=said, param="dimensions"))
