"""The OpenAI wire: chat completions, embeddings and models, with the habits of some of its imitators."""

import base64
import struct
from collections.abc import Iterator, Mapping
from typing import Any, Final

from provider_workers.simulated.answering import argument_pieces, embedding_of
from provider_workers.simulated.catalogue import Catalogue
from provider_workers.simulated.exchange import (
    CHAT,
    EMBED,
    METADATA,
    Answer,
    ApiError,
    Ask,
    Operation,
    Reply,
    RequestRefused,
    ToolCall,
    Usage,
)
from provider_workers.simulated.steps import Step, StepKind, Substitutes
from provider_workers.simulated.wires.base import (
    Context,
    HeaderList,
    Limits,
    compact,
    require,
)
from provider_workers.simulated.wires.openai_errors import error_object, error_reply
from provider_workers.simulated.wires.openai_reading import read_chat, read_embedding

_DONE: Final = b"data: [DONE]\n\n"
_FILLED_BY_GROQ: Final = "groq"
_REPORTS_UNASKED: Final = "mistral"
"""Puts the usage of a streamed answer beside its finish reason; it knows no `stream_options`."""

_REASONING_FIELD: Final = {"groq": "reasoning", "openrouter": "reasoning"}


class OpenAIWire:
    """See `base.Wire`. The provider's name chooses dialect details (Groq's `x_groq`, the name of the reasoning)."""

    name = "openai"
    stream_content_type = "text/event-stream; charset=utf-8"

    def base_url(self, origin: str) -> str:
        """`http://host:port/v1`."""
        return f"{origin}/v1"

    def operation(self, method: str, path: str) -> Operation | None:
        """Any prefix before the endpoint is accepted: Groq's is `/openai/v1`."""
        if method == "POST":
            if path.endswith("/chat/completions"):
                return Operation(CHAT, "chat")
            return Operation(EMBED, "embeddings") if path.endswith("/embeddings") else None
        if path.endswith("/models"):
            return Operation(METADATA, "models")
        _, found, model = path.partition("/models/")
        return Operation(METADATA, "model", model) if found and method == "GET" else None

    def read(self, operation: Operation, body: Mapping[str, Any]) -> Ask:
        """See `base.Wire`."""
        model = require(body, "model", str, "you must provide a model parameter")
        if operation.kind == EMBED:
            return read_embedding(body, model)
        return read_chat(body, model)

    def reply(self, ask: Ask, answer: Answer, context: Context) -> Reply:
        """See `base.Wire`."""
        message: dict[str, Any] = {
            "role": "assistant",
            "content": "".join(answer.text) if answer.text or not answer.tool_calls else None,
            "refusal": None,
        }
        if answer.reasoning:
            message[_reasoning_field(context)] = "".join(answer.reasoning)
        if answer.tool_calls:
            message["tool_calls"] = [_call(call, place, context) for place, call in enumerate(answer.tool_calls)]
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": answer.finish or None}
        body = {
            "id": _completion_id(context),
            "object": "chat.completion",
            "created": int(context.now),
            "model": ask.model,
            "choices": [] if answer.empty else [choice],
        }
        if answer.usage:
            body["usage"] = _usage(answer.usage)
        body["system_fingerprint"] = "fp_simulated"
        if context.provider == _FILLED_BY_GROQ:
            body["x_groq"] = {"id": context.request_id}
        return Reply(200, compact(body).encode())

    def steps(self, ask: Ask, answer: Answer, context: Context) -> Iterator[Step]:
        """See `base.Wire`."""
        options = ask.raw.get("stream_options") or {}
        chunk = _ChunkWriter(ask, context, with_usage=bool(options.get("include_usage")))
        groq = context.provider == _FILLED_BY_GROQ
        first = {"x_groq": {"id": context.request_id}} if groq else None
        yield Step(StepKind.HEAD, chunk.delta({"role": "assistant", "content": "", "refusal": None}, extra=first))
        if answer.empty:
            yield Step(StepKind.HEAD, chunk.choiceless(None))
        else:
            yield from _content_steps(chunk, answer, context)
            last: dict[str, Any] | None = None
            if groq:
                last = {"x_groq": {"id": context.request_id, "usage": _groq_usage(answer.usage)}}
            elif context.provider == _REPORTS_UNASKED and answer.usage and not options.get("include_usage"):
                last = {"usage": _usage(answer.usage)}
            yield Step(StepKind.FINISH, chunk.delta({}, answer.finish, extra=last))
        if options.get("include_usage") and answer.usage:
            yield Step(StepKind.USAGE, chunk.choiceless(answer.usage))
        yield Step(StepKind.DONE, _DONE)

    def embedding(self, ask: Ask, context: Context) -> Reply:
        """See `base.Wire`."""
        packed = ask.raw.get("encoding_format") == "base64"
        vectors = [embedding_of(text, ask.dimensions or 0) for text in ask.inputs]
        data = [
            {"object": "embedding", "index": index, "embedding": _base64(vector) if packed else vector}
            for index, vector in enumerate(vectors)
        ]
        tokens = ask.prompt_tokens
        usage = {"prompt_tokens": tokens, "total_tokens": tokens}
        return Reply(200, compact({"object": "list", "data": data, "model": ask.model, "usage": usage}).encode())

    def metadata(
        self, operation: Operation, body: Mapping[str, Any], catalogue: Catalogue, context: Context
    ) -> Reply | Iterator[Step]:
        """The list of models, or one."""
        if operation.name == "model":
            model = catalogue.find(operation.model)
            if model is None:
                raise RequestRefused(ApiError("404", model=operation.model, param="model"))
            return Reply(200, compact(_model(model.name, model.context_window, context)).encode())
        data = [_model(model.name, model.context_window, context) for model in catalogue.all()]
        return Reply(200, compact({"object": "list", "data": data}).encode())

    def error(self, error: ApiError, context: Context) -> Reply:
        """See `openai_errors`."""
        return error_reply(error, context)

    def substitutes(self, ask: Ask, error: ApiError, context: Context) -> Substitutes:
        """See `base.Wire`."""
        chunk = _ChunkWriter(ask, context, with_usage=False)
        return Substitutes(
            error=lambda: b"data: " + compact(error_object(error)[1]).encode() + b"\n\n",
            malformed=lambda: b'data: {"id":"chatcmpl-sim","object":"chat.completion.chunk","choices":[{"inde\n\n',
            filtered=lambda: chunk.delta({}, "content_filter") + _DONE,
        )

    def other_shape(self, ask: Ask) -> bytes:
        """See `base.Wire`."""
        body = b'{"result":{"output":[1,2,3]},"status":"ok"}'
        return b"data: " + body + b"\n\n" + _DONE if ask.stream else body

    def presented_key(self, headers: Mapping[str, str], query: Mapping[str, str]) -> str | None:
        """`api-key`, as Azure wants it, or a bearer token."""
        return headers.get("api-key") or headers.get("authorization", "").removeprefix("Bearer ") or None

    def headers(self, context: Context, limits: Limits | None) -> HeaderList:
        """See `base.Wire`."""
        own: HeaderList = (("x-request-id", context.request_id), ("openai-processing-ms", "1"))
        if limits is None:
            return own
        return (
            *own,
            ("x-ratelimit-limit-requests", str(limits.requests)),
            ("x-ratelimit-limit-tokens", str(limits.tokens)),
            ("x-ratelimit-remaining-requests", str(limits.requests_left)),
            ("x-ratelimit-remaining-tokens", str(limits.tokens_left)),
            ("x-ratelimit-reset-requests", f"{limits.reset:.3g}s"),
            ("x-ratelimit-reset-tokens", f"{limits.reset:.3g}s"),
        )


class _ChunkWriter:
    """Writes `chat.completion.chunk` events; what is the same in all of them is encoded once."""

    def __init__(self, ask: Ask, context: Context, *, with_usage: bool) -> None:
        self._head = (
            f'data: {{"id":"{_completion_id(context)}","object":"chat.completion.chunk","created":{int(context.now)},'
            f'"model":{compact(ask.model)},"service_tier":"default","system_fingerprint":"fp_simulated","choices":['
        )
        self._usage = ',"usage":null' if with_usage else ""

    def delta(
        self, delta: Mapping[str, Any], finish: str | None = None, extra: Mapping[str, Any] | None = None
    ) -> bytes:
        """An event with one choice."""
        more = f",{compact(extra)[1:-1]}" if extra else ""
        text = (
            f'{self._head}{{"index":0,"delta":{compact(delta)},"logprobs":null,'
            f'"finish_reason":{compact(finish or None)}}}]{self._usage}{more}}}\n\n'
        )
        return text.encode()

    def choiceless(self, usage: Usage | None) -> bytes:
        """An event without a choice: the one that carries the usage."""
        return f'{self._head}],"usage":{compact(_usage(usage) if usage else None)}}}\n\n'.encode()


def _content_steps(chunk: _ChunkWriter, answer: Answer, context: Context) -> Iterator[Step]:
    field = _reasoning_field(context)
    for piece in answer.reasoning:
        yield Step(StepKind.TOKEN, chunk.delta({field: piece}))
    for piece in answer.text:
        yield Step(StepKind.TOKEN, chunk.delta({"content": piece}))
    for index, call in enumerate(answer.tool_calls):
        opening = _call(ToolCall(call.name, ""), index, context)
        yield Step(StepKind.HEAD, chunk.delta({"tool_calls": [{"index": index, **opening}]}))
        for part in argument_pieces(call):
            piece_of_call = {"index": index, "function": {"arguments": part}}
            yield Step(StepKind.TOKEN, chunk.delta({"tool_calls": [piece_of_call]}))


def _base64(vector: list[float]) -> str:
    """Little-endian 32-bit floats, as the SDK asks for them by default."""
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()


def _call(call: ToolCall, place: int, context: Context) -> dict[str, Any]:
    identity = f"call_sim{context.serial:08d}{place:02d}"
    return {"id": identity, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}


def _usage(usage: Usage) -> dict[str, Any]:
    return {
        "prompt_tokens": usage.prompt,
        "completion_tokens": usage.completion,
        "total_tokens": usage.prompt + usage.completion,
        "prompt_tokens_details": {"cached_tokens": usage.cached, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": usage.reasoning,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def _groq_usage(usage: Usage | None) -> dict[str, Any] | None:
    return {"queue_time": 0.0, "prompt_time": 0.0, "completion_time": 0.0, **_usage(usage)} if usage else None


def _completion_id(context: Context) -> str:
    return f"chatcmpl-sim{context.serial:012d}"


def _reasoning_field(context: Context) -> str:
    return _REASONING_FIELD.get(context.provider, "reasoning_content")


def _model(name: str, window: int, context: Context) -> dict[str, Any]:
    facts = {"id": name, "object": "model", "created": 1_700_000_000, "owned_by": "simulated"}
    # OpenAI itself says nothing of the window; Groq and others do.
    return facts if context.provider == "openai" else {**facts, "active": True, "context_window": window}
