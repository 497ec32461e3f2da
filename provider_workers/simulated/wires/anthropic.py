"""The wire of Anthropic's Messages API."""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from provider_workers.simulated.answering import argument_pieces
from provider_workers.simulated.catalogue import Catalogue, ModelInfo
from provider_workers.simulated.exchange import (
    CHAT,
    METADATA,
    Answer,
    ApiError,
    Ask,
    Operation,
    Reply,
    RequestRefused,
    ToolSpec,
    Usage,
)
from provider_workers.simulated.steps import Step, StepKind, Substitutes
from provider_workers.simulated.wires.anthropic_errors import error_object, error_reply
from provider_workers.simulated.wires.base import (
    Context,
    HeaderList,
    Limits,
    compact,
    objects,
    require,
    strings,
    text_of,
)

_STOP_REASONS: Final = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "content_filter": "refusal",
}
_THINKING_TOKENS: Final = 16
_SIGNATURE: Final = "c2ltdWxhdGVkLXNpZ25hdHVyZQ=="
_PING: Final = b'event: ping\ndata: {"type": "ping"}\n\n'


class AnthropicWire:
    """See `base.Wire`."""

    name = "anthropic"
    stream_content_type = "text/event-stream; charset=utf-8"

    def base_url(self, origin: str) -> str:
        """`http://host:port`: the SDKs add `/v1`."""
        return origin

    def operation(self, method: str, path: str) -> Operation | None:
        """See `base.Wire`."""
        if method == "POST":
            if path.endswith("/messages/count_tokens"):
                return Operation(METADATA, "count_tokens")
            return Operation(CHAT, "messages") if path.endswith("/messages") else None
        if path.endswith("/models"):
            return Operation(METADATA, "models")
        _, found, model = path.partition("/models/")
        return Operation(METADATA, "model", model) if found and method == "GET" else None

    def read(self, operation: Operation, body: Mapping[str, Any]) -> Ask:
        """See `base.Wire`."""
        require(body, "max_tokens", int, "max_tokens: Field required")
        return _read(body)

    def reply(self, ask: Ask, answer: Answer, context: Context) -> Reply:
        """See `base.Wire`."""
        content: list[dict[str, Any]] = []
        if answer.reasoning:
            content.append({"type": "thinking", "thinking": "".join(answer.reasoning), "signature": _SIGNATURE})
        if answer.text:
            content.append({"type": "text", "text": "".join(answer.text)})
        for place, call in enumerate(answer.tool_calls):
            tool = {"type": "tool_use", "id": _tool_id(context, place), "name": call.name}
            content.append({**tool, "input": json.loads(call.arguments)})
        body = _message(ask, context, [] if answer.empty else content)
        body["stop_reason"], body["stop_sequence"] = _stop_reason(answer), answer.stop_sequence
        if answer.usage:
            body["usage"] = _usage(answer.usage, answer.usage.completion)
        return Reply(200, compact(body).encode())

    def steps(self, ask: Ask, answer: Answer, context: Context) -> Iterator[Step]:
        """See `base.Wire`."""
        message = _message(ask, context, [])
        message["stop_reason"] = message["stop_sequence"] = None
        if answer.usage:
            message["usage"] = _usage(answer.usage, 1)
        yield Step(StepKind.HEAD, event({"type": "message_start", "message": message}))
        if not answer.empty:
            yield from _block_steps(answer, context)
        delta = {"stop_reason": _stop_reason(answer), "stop_sequence": answer.stop_sequence}
        ending: dict[str, Any] = {"type": "message_delta", "delta": delta}
        if answer.usage:
            ending["usage"] = {"output_tokens": answer.usage.completion}
        yield Step(StepKind.FINISH, event(ending))
        yield Step(StepKind.DONE, event({"type": "message_stop"}))

    def embedding(self, ask: Ask, context: Context) -> Reply:
        """Anthropic has no embeddings; `operation` never leads here."""
        return self.error(ApiError("not_found"), context)

    def metadata(
        self, operation: Operation, body: Mapping[str, Any], catalogue: Catalogue, context: Context
    ) -> Reply | Iterator[Step]:
        """The models, one of them, or the token count of a prompt."""
        if operation.name == "count_tokens":
            return Reply(200, compact({"input_tokens": _read(body).prompt_tokens}).encode())
        if operation.name == "models":
            models = [_model(model) for model in catalogue.all()]
            page = {"first_id": models[0]["id"], "last_id": models[-1]["id"]} if models else {}
            return Reply(200, compact({"data": models, "has_more": False, **page}).encode())
        model = catalogue.find(operation.model)
        if model is None:
            raise RequestRefused(ApiError("404", model=operation.model))
        return Reply(200, compact(_model(model)).encode())

    def error(self, error: ApiError, context: Context) -> Reply:
        """See `anthropic_errors`."""
        return error_reply(error, context)

    def substitutes(self, ask: Ask, error: ApiError, context: Context) -> Substitutes:
        """See `base.Wire`."""
        refusal = {"type": "message_delta", "delta": {"stop_reason": "refusal", "stop_sequence": None}}
        return Substitutes(
            error=lambda: event(error_object(error, context)[1], "error"),
            malformed=lambda: b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"del\n\n',
            filtered=lambda: event({**refusal, "usage": {"output_tokens": 1}}) + event({"type": "message_stop"}),
        )

    def other_shape(self, ask: Ask) -> bytes:
        """See `base.Wire`."""
        body = {"type": "result", "output": [1, 2, 3]}
        return event(body) if ask.stream else compact(body).encode()

    def presented_key(self, headers: Mapping[str, str], query: Mapping[str, str]) -> str | None:
        """`x-api-key`, or a bearer token."""
        return headers.get("x-api-key") or headers.get("authorization", "").removeprefix("Bearer ") or None

    def headers(self, context: Context, limits: Limits | None) -> HeaderList:
        """See `base.Wire`."""
        own: HeaderList = (
            ("request-id", context.request_id),
            ("anthropic-organization-id", "00000000-0000-4000-8000-000000000000"),
        )
        if limits is None:
            return own
        reset = datetime.fromtimestamp(int(context.now + limits.reset), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return (
            *own,
            ("anthropic-ratelimit-requests-limit", str(limits.requests)),
            ("anthropic-ratelimit-requests-remaining", str(limits.requests_left)),
            ("anthropic-ratelimit-requests-reset", reset),
            ("anthropic-ratelimit-tokens-limit", str(limits.tokens)),
            ("anthropic-ratelimit-tokens-remaining", str(limits.tokens_left)),
            ("anthropic-ratelimit-tokens-reset", reset),
        )


def event(body: Mapping[str, Any], name: str | None = None) -> bytes:
    """One server-sent event, named after the type of its body."""
    return f"event: {name or body['type']}\ndata: {compact(body)}\n\n".encode()


def _block_steps(answer: Answer, context: Context) -> Iterator[Step]:
    index = 0
    if answer.reasoning:
        yield _block_start(index, {"type": "thinking", "thinking": "", "signature": ""})
        for piece in answer.reasoning:
            yield _delta(index, {"type": "thinking_delta", "thinking": piece})
        yield Step(StepKind.HEAD, _delta(index, {"type": "signature_delta", "signature": _SIGNATURE}).data)
        yield _block_stop(index)
        index += 1
    if answer.text:
        yield _block_start(index, {"type": "text", "text": ""})
        yield Step(StepKind.HEAD, _PING)
        head = f'event: content_block_delta\ndata: {{"type":"content_block_delta","index":{index},"delta":'
        for piece in answer.text:
            data = f'{head}{{"type":"text_delta","text":{compact(piece)}}}}}\n\n'
            yield Step(StepKind.TOKEN, data.encode())
        yield _block_stop(index)
        index += 1
    for place, call in enumerate(answer.tool_calls):
        yield _block_start(index, {"type": "tool_use", "id": _tool_id(context, place), "name": call.name, "input": {}})
        yield Step(StepKind.HEAD, _delta(index, {"type": "input_json_delta", "partial_json": ""}).data)
        for part in argument_pieces(call):
            yield _delta(index, {"type": "input_json_delta", "partial_json": part})
        yield _block_stop(index)
        index += 1


def _block_start(index: int, block: Mapping[str, Any]) -> Step:
    return Step(StepKind.HEAD, event({"type": "content_block_start", "index": index, "content_block": block}))


def _delta(index: int, delta: Mapping[str, Any]) -> Step:
    return Step(StepKind.TOKEN, event({"type": "content_block_delta", "index": index, "delta": delta}))


def _block_stop(index: int) -> Step:
    return Step(StepKind.HEAD, event({"type": "content_block_stop", "index": index}))


def _read(body: Mapping[str, Any]) -> Ask:
    model = require(body, "model", str, "model: Field required")
    messages = objects(body, "messages", "messages: Field required")
    if not messages:
        raise RequestRefused(ApiError("400", message="messages: at least one message is required"))
    texts = [text_of(body.get("system")), *(text_of(message.get("content")) for message in messages)]
    users = [text_of(message.get("content")) for message in messages if message.get("role") == "user"]
    choice = body.get("tool_choice") or {}
    thinking = (body.get("thinking") or {}).get("type") in ("enabled", "adaptive")
    return Ask(
        CHAT,
        model,
        body,
        stream=bool(body.get("stream")),
        prompt="\n".join(texts),
        last_user=users[-1] if users else "",
        messages=len(messages),
        images=sum(_parts_of_type(message, "image") for message in messages),
        ends_with_assistant=messages[-1].get("role") == "assistant",
        has_tool_result=_parts_of_type(messages[-1], "tool_result") > 0,
        max_tokens=body.get("max_tokens"),
        stop=strings(body.get("stop_sequences") or ()),
        tools=tuple(
            ToolSpec(str(tool.get("name")), tool.get("input_schema") or {}) for tool in body.get("tools") or ()
        ),
        tool_choice=_tool_choice(choice),
        schema=_output_schema(body),
        reasoning_tokens=_THINKING_TOKENS if thinking else 0,
        shows_reasoning=True,
    )


def _tool_choice(choice: Mapping[str, Any]) -> str:
    if choice.get("type") == "tool":
        return str(choice.get("name"))
    return "required" if choice.get("type") == "any" else str(choice.get("type") or "auto")


def _output_schema(body: Mapping[str, Any]) -> Mapping[str, Any] | None:
    form = body.get("output_format") or (body.get("output_config") or {}).get("format") or {}
    schema = form.get("schema")
    return schema if isinstance(schema, Mapping) else None


def _parts_of_type(message: Mapping[str, Any], kind: str) -> int:
    content = message.get("content")
    if not isinstance(content, list):
        return 0
    return sum(1 for part in content if isinstance(part, Mapping) and part.get("type") == kind)


def _message(ask: Ask, context: Context, content: list[dict[str, Any]]) -> dict[str, Any]:
    identity = f"msg_sim{context.serial:012d}"
    return {"model": ask.model, "id": identity, "type": "message", "role": "assistant", "content": content}


def _stop_reason(answer: Answer) -> str | None:
    return "stop_sequence" if answer.stop_sequence is not None else _STOP_REASONS.get(answer.finish)


def _usage(usage: Usage, output: int) -> dict[str, Any]:
    return {
        "input_tokens": usage.prompt - usage.cached,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": usage.cached,
        "output_tokens": output,
        "service_tier": "standard",
    }


def _tool_id(context: Context, place: int) -> str:
    return f"toolu_sim{context.serial:08d}{place:02d}"


def _model(model: ModelInfo) -> dict[str, Any]:
    return {"type": "model", "id": model.name, "display_name": model.name, "created_at": "2025-01-01T00:00:00Z"}
